/** How a version or a Pod answers. Unset fields: healthy. */
export interface Behaviour {
  /** Share of answers that are errors, 0..1. */
  readonly errorRate?: number;
  /** Status of errors. Default 500. */
  readonly status?: number;
  readonly latencyMs?: number;
  /** Says Ready and refuses connections. */
  readonly refuses?: boolean;
}

/** For whom a behaviour is meant. Less is wider: without `version` all versions of the app; `pod` is one Pod. */
export interface BehaviourScope {
  readonly namespace: string;
  readonly app?: string;
  readonly version?: string;
  readonly pod?: string;
}

/** Who answers: what a Pod is, as far as its behaviour and the counts go. */
export interface PodRole {
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly pod: string;
}

export interface Behaviours {
  /** Replaces the behaviour of a scope. */
  readonly set: (scope: BehaviourScope, behaviour: Behaviour) => void;
  /** Behaviour of a Pod: the narrowest scope that says something decides, field by field. */
  readonly of: (role: PodRole) => Required<Behaviour>;
}

function keyOf(scope: BehaviourScope): string {
  return [scope.namespace, scope.app ?? '*', scope.version ?? '*', scope.pod ?? '*'].join('/');
}

export function createBehaviours(): Behaviours {
  const behaviours = new Map<string, Behaviour>();
  return {
    set: (scope, behaviour) => {
      behaviours.set(keyOf(scope), behaviour);
    },
    of: ({ namespace, app, version, pod }) => {
      const scopes: BehaviourScope[] = [
        { namespace },
        { namespace, app },
        { namespace, version },
        { namespace, app, version },
        { namespace, pod },
      ];
      const said = scopes.map(scope => behaviours.get(keyOf(scope)) ?? {});
      return Object.assign({ errorRate: 0, status: 500, latencyMs: 0, refuses: false }, ...said) as Required<Behaviour>;
    },
  };
}
