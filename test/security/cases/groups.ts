import { AUTHORS, OLD_ANSWERS, RACES, REPEATS, REVERSALS } from './answers.ts';
import { BODIES, CONTENT_TYPES, LARGE_BODIES, SLOW_REQUESTS } from './bodies.ts';
import type { Group } from './case.ts';
import { FREE_TEXT } from './freeText.ts';
import { HEADERS, METHODS_OF_HTTP, PATHS, PUSHES, SMUGGLING } from './http.ts';
import { OTHER_NAMESPACES } from './namespaces.ts';
import { SLACK_BINDING, SLACK_SIGNATURES } from './presses.ts';
import { REQUESTS } from './requests.ts';
import { LIMITS, ROTATION } from './secrets.ts';
import { WEBHOOK_BINDING, WEBHOOK_SIGNATURES, WEBHOOK_TIMES } from './signedAnswers.ts';
import type { StoryGroup } from './story.ts';
import { API_BINDING, BEARER_TOKENS, READING } from './tokens.ts';

/** Everything that is tried against Rollouts that wait for people, and that must leave them as they are. */
export const GROUPS: readonly Group[] = [
  WEBHOOK_SIGNATURES,
  WEBHOOK_TIMES,
  WEBHOOK_BINDING,
  SLACK_SIGNATURES,
  SLACK_BINDING,
  BEARER_TOKENS,
  API_BINDING,
  READING,
  REQUESTS,
  HEADERS,
  BODIES,
  CONTENT_TYPES,
  LARGE_BODIES,
  SLOW_REQUESTS,
  SMUGGLING,
  PATHS,
  METHODS_OF_HTTP,
  PUSHES,
];

/** What several people do with a Rollout of their own. */
export const STORIES: readonly StoryGroup[] = [
  REPEATS,
  RACES,
  REVERSALS,
  OLD_ANSWERS,
  AUTHORS,
  OTHER_NAMESPACES,
  FREE_TEXT,
  ROTATION,
  LIMITS,
];
