import type { Clock, StoredRollout } from '../controller/ports.ts';
import type { TimelinePoint } from '../controller/view-ports.ts';
import type { PlanGate, RolloutStatus } from '../rollout/index.ts';

export type TimelineLimits = {
  /** Points of one Rollout; default 300. */
  readonly most?: number;
  /**
   * Points of all Rollouts; default 30,000. From here on each one has to do with `fewest`, and those of which nothing was told
   * for longest with less; each one keeps its last.
   */
  readonly mostOfAll?: number;
  /** Default 60. */
  readonly fewest?: number;
};

/** Where Rollouts were, as far as this process has seen it; bounded, and in memory only. */
export type Timeline = {
  /** Notes where this status says that it is. Answers with the point, when it is another one than the last. */
  add(rollout: Place, status: RolloutStatus): TimelinePoint | undefined;
  /** Oldest first; `since`: from when on this process knows (RFC 3339). */
  of(rollout: Place): { readonly since: string; readonly points: readonly TimelinePoint[] };
  forget(rollout: Pick<Place, 'namespace' | 'name'>): void;
};

type Place = Pick<StoredRollout, 'namespace' | 'name' | 'uid'>;

type Track = { readonly uid: string; since: string; points: TimelinePoint[]; measuredMs: number };

const ATTEMPTS = 2;

export const createTimeline = (clock: Clock, limits: TimelineLimits = {}): Timeline => {
  const { most = 300, mostOfAll = 30_000, fewest = 60 } = limits;
  const tracks = new Map<string, Track>();
  /** Those with more than one point, the one of which nothing was told for longest first. */
  const long = new Set<Track>();
  let total = 0;

  const keep = (track: Track, points: TimelinePoint[]): void => {
    total += points.length - track.points.length;
    track.points = points;
    long.delete(track);
    if (points.length > 1) long.add(track);
  };

  /** Takes from others: first what tells of gates only, then all but the last point. */
  const makeRoom = (track: Track): void => {
    for (const other of long) {
      if (total <= mostOfAll) return;
      if (other === track) continue;
      const changes = other.points.filter((point, at, all) => isChange(all[at - 1], point) || at === all.length - 1);
      const kept = changes.length < other.points.length ? changes : changes.slice(-1);
      if (kept.length === 1) other.since = kept[0]?.at ?? other.since;
      keep(other, kept);
    }
  };

  const forget = ({ namespace, name }: Pick<Place, 'namespace' | 'name'>): void => {
    const key = `${namespace}/${name}`;
    const track = tracks.get(key);
    if (track === undefined) return;
    keep(track, []);
    tracks.delete(key);
  };

  const trackOf = (rollout: Place, at: string): Track => {
    const key = `${rollout.namespace}/${rollout.name}`;
    const known = tracks.get(key);
    if (known?.uid === rollout.uid) return known;
    forget(rollout);
    const track: Track = { uid: rollout.uid, since: at, points: [], measuredMs: 0 };
    tracks.set(key, track);
    return track;
  };

  return {
    add: (rollout, status) => {
      const at = new Date(clock.now()).toISOString();
      const track = trackOf(rollout, at);
      const last = track.points.at(-1);
      const point = pointOf(at, status, last?.revision === status.revision ? last : undefined);
      const measuredMs = measuredAtMs(status);
      // a stored status may know less of its gates than what was decided after it was stored
      const isOlder = measuredMs < track.measuredMs && last !== undefined && isSamePlace(last, point);
      if (isOlder || (last !== undefined && isSame(last, point))) return undefined;
      track.measuredMs = measuredMs;
      keep(track, thinned([...track.points, point], total >= mostOfAll ? fewest : most));
      makeRoom(track);
      return point;
    },
    of: ({ namespace, name, uid }) => {
      const track = tracks.get(`${namespace}/${name}`);
      if (track?.uid !== uid) return { since: new Date(clock.now()).toISOString(), points: [] };
      return { since: track.since, points: track.points };
    },
    forget,
  };
};

/** `before`: of the same attempt; an attempt that has ended has no plan any more, and the limits of its gates are the same. */
const pointOf = (at: string, status: RolloutStatus, before: TimelinePoint | undefined): TimelinePoint => {
  const { phase, canaryVersion, stableVersion, revision, step, traffic, gates, plan } = status;
  return {
    at,
    phase,
    version: canaryVersion ?? stableVersion ?? '',
    ...(revision === undefined ? {} : { revision }),
    ...(step === undefined ? {} : { step: step.index }),
    weight: canaryVersion === undefined ? 100 : (traffic?.weight ?? 0),
    gates: (gates ?? []).map(({ name, verdict, value, baselineValue }) => {
      const planned = plan?.gates.find(gate => gate.name === name);
      const known = before?.gates.find(gate => gate.name === name);
      return {
        name,
        verdict,
        ...(value === undefined ? {} : { value }),
        ...(baselineValue === undefined ? {} : { baseline: baselineValue }),
        ...(planned === undefined ? limitsOf(known) : { ...limitsOf(planned), unit: unitOf(planned) }),
      };
    }),
  };
};

type Limits = { readonly min?: number; readonly max?: number; readonly unit?: string };

const limitsOf = ({ min, max, unit = '' }: Limits = {}) => ({
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
  unit,
});

const unitOf = ({ source }: PlanGate): string => {
  if (source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency')) return 'ms';
  return source.kind === 'prometheus' || source.kind === 'unattributed' ? '%' : '';
};

const measuredAtMs = ({ gates = [] }: RolloutStatus): number =>
  gates.reduce((newest, { at }) => Math.max(newest, Date.parse(at ?? '') || 0), 0);

const isSamePlace = (one: TimelinePoint, other: TimelinePoint): boolean =>
  one.phase === other.phase &&
  one.version === other.version &&
  one.revision === other.revision &&
  one.step === other.step &&
  one.weight === other.weight;

const isChange = (before: TimelinePoint | undefined, point: TimelinePoint): boolean =>
  before === undefined || !isSamePlace(before, point);

const isSame = (one: TimelinePoint, other: TimelinePoint): boolean =>
  isSamePlace(one, other) && JSON.stringify(one.gates) === JSON.stringify(other.gates);

/** Attempts before the last two go first; then every other point of the older half that tells of gates only. */
const thinned = (points: readonly TimelinePoint[], most: number): TimelinePoint[] => {
  if (points.length <= most) return [...points];
  const revisions = [...new Set(points.map(({ revision }) => revision))].slice(-ATTEMPTS);
  const lately = points.filter(({ revision }) => revisions.includes(revision));
  if (lately.length <= most) return lately;
  const half = Math.floor(lately.length / 2);
  let isKept = false;
  const thin = lately.filter((point, index) => {
    if (index >= half || isChange(lately[index - 1], point)) return true;
    isKept = !isKept;
    return isKept;
  });
  return thin.slice(-most);
};
