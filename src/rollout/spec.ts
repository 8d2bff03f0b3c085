/**
 * The desired state of a Rollout, as people write it (group sluice.dev, version v1alpha1). Names are the YAML names.
 * Durations are strings such as `30s`, `5m`, `1h30m`; weights and percentages are whole numbers 0..100.
 */
export type RolloutSpec = {
  /** Value of the pods' version label and, by default, name of the subset. */
  readonly version: string;
  readonly initialVersion?: string | undefined;
  /** Destination host; default: the Rollout's name. */
  readonly host?: string | undefined;
  readonly versionLabel?: string | undefined;
  readonly router?: { readonly istio?: IstioRouterSpec | undefined; readonly gatewayApi?: unknown } | undefined;
  readonly strategy: StrategySpec;
  readonly analysis?: AnalysisSpec | undefined;
  readonly windows?: readonly WindowSpec[] | undefined;
  readonly capacity?: 'warn' | 'require' | undefined;
  readonly progressDeadline?: string | undefined;
  readonly rollbackWindow?: string | undefined;
  readonly paused?: boolean | undefined;
  readonly retire?:
    | { readonly after?: string | undefined; readonly action?: 'none' | 'removeSubset' | 'scaleToZero' | undefined }
    | undefined;
  readonly onDelete?: 'stable' | 'keep' | undefined;
  readonly notify?: { readonly slack?: string | undefined } | undefined;
};

export type IstioRouterSpec = {
  readonly virtualServices?: readonly string[] | undefined;
  readonly routes?: readonly string[] | undefined;
  readonly destinationRule?: string | undefined;
  readonly createMissing?: 'none' | 'subset' | 'all' | undefined;
  readonly settle?: string | undefined;
};

/** Exactly one of the three. */
export type StrategySpec = {
  readonly canary?: CanarySpec | undefined;
  readonly blueGreen?: BlueGreenSpec | undefined;
  readonly abTest?: AbTestSpec | undefined;
};

export type CanarySpec = {
  readonly steps: readonly StepSpec[];
  readonly bake?: string | undefined;
  readonly stickiness?: { readonly cookie: string; readonly ttl?: string | undefined } | undefined;
};

export type StepSpec = {
  readonly name?: string | undefined;
  readonly setWeight?: number | undefined;
  readonly setHeaderRoute?: { readonly match?: readonly MatchSpec[] | undefined } | undefined;
  readonly setMirrorRoute?: { readonly percentage?: number | undefined } | undefined;
  /** `{}` lasts until a person promotes. */
  readonly pause?: { readonly duration?: string | undefined } | undefined;
  readonly approval?: ApprovalSpec | undefined;
  readonly gates?: readonly GateSpec[] | undefined;
};

/** Istio's HTTPMatchRequest: all its conditions have to hold; of a list of them, those of one. */
export type MatchSpec = {
  /** For people; no condition. */
  readonly name?: string | undefined;
  /** By header, in lower case. */
  readonly headers?: Readonly<Record<string, StringMatchSpec>> | undefined;
  readonly withoutHeaders?: Readonly<Record<string, StringMatchSpec>> | undefined;
  readonly queryParams?: Readonly<Record<string, StringMatchSpec>> | undefined;
  readonly uri?: StringMatchSpec | undefined;
  readonly scheme?: StringMatchSpec | undefined;
  readonly method?: StringMatchSpec | undefined;
  readonly authority?: StringMatchSpec | undefined;
  /** No condition by itself. */
  readonly ignoreUriCase?: boolean | undefined;
  readonly port?: number | undefined;
  /** Labels of the caller's pods. */
  readonly sourceLabels?: Readonly<Record<string, string>> | undefined;
  readonly sourceNamespace?: string | undefined;
  /** `mesh`, a name, or `namespace/name`. */
  readonly gateways?: readonly string[] | undefined;
  /** Prefix of Envoy's statistics; no condition. */
  readonly statPrefix?: string | undefined;
};

/** Exactly one of the three; in a map of headers or parameters none: that there is one, whatever its value. */
export type StringMatchSpec = {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
  /** RE2; has to match the whole value. */
  readonly regex?: string | undefined;
};

export type ApprovalSpec = {
  readonly when?: 'before' | 'after' | undefined;
  readonly required?: number | undefined;
  readonly approvers: readonly string[];
  readonly message?: string | undefined;
  readonly timeout?: string | undefined;
  readonly onTimeout?: 'hold' | 'rollback' | undefined;
  readonly allowAuthor?: boolean | undefined;
};

export type BlueGreenSpec = {
  readonly preview?: { readonly match?: readonly MatchSpec[] | undefined } | undefined;
  readonly mirror?: { readonly percentage?: number | undefined } | undefined;
  readonly hold?: { readonly duration?: string | undefined } | undefined;
  readonly approval?: ApprovalSpec | undefined;
  readonly bake?: string | undefined;
};

export type AbTestSpec = {
  readonly match: readonly MatchSpec[];
  readonly duration?: string | undefined;
  readonly then?: 'promote' | 'hold' | 'end' | undefined;
};

export type AnalysisSpec = {
  readonly interval?: string | undefined;
  readonly initialDelay?: string | undefined;
  readonly alpha?: number | undefined;
  readonly gates?: readonly GateSpec[] | undefined;
};

export type GateSpec = {
  readonly name?: string | undefined;
  readonly prometheus?: PrometheusGateSpec | undefined;
  readonly zipkin?: { readonly percentile: number; readonly provider?: string | undefined } | undefined;
  readonly webhook?: { readonly url: string; readonly timeout?: string | undefined } | undefined;
  readonly template?: string | undefined;
  /** Inclusive bounds on the new version. */
  readonly threshold?: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined;
  readonly baseline?: BaselineSpec | undefined;
  readonly judge?: 'sequential' | 'plain' | undefined;
  readonly minSamples?: number | undefined;
  readonly failureLimit?: number | undefined;
  readonly onNoData?: 'hold' | 'fail' | undefined;
  readonly noDataDeadline?: string | undefined;
  readonly onFailure?: 'rollback' | 'pause' | undefined;
};

export type PrometheusGateSpec = {
  readonly metric?: 'success-rate' | 'latency' | undefined;
  /** Only with `metric: latency`. */
  readonly percentile?: number | undefined;
  /** Handlebars template of a PromQL query; instead of `metric`. */
  readonly query?: string | undefined;
  readonly samples?: string | undefined;
  readonly window?: string | undefined;
  readonly provider?: string | undefined;
};

export type BaselineSpec = {
  readonly tolerance?: number | undefined;
  readonly certify?: { readonly ratio?: number | undefined; readonly floor?: number | undefined } | undefined;
  readonly undecidedAfter?: string | undefined;
  readonly onUndecided?: 'hold' | 'pass' | undefined;
};

export type WindowSpec = {
  readonly deny?: string | undefined;
  readonly allow?: string | undefined;
  readonly timezone?: string | undefined;
};

/** Something in a spec that its schema cannot see. Errors stop forward movement (R12), warnings are shown. */
export type SpecProblem = {
  /** Like `spec.strategy.canary.steps[0].setWeight`. */
  readonly path: string;
  readonly message: string;
  readonly suggestion?: string;
  readonly severity: 'error' | 'warning';
};
