import type { JsonObject } from '../kube/json.ts';

/** A call that Slack answers with `ok: false`; `extra` stands beside the error. */
export class ChatRefusal extends Error {
  readonly extra: JsonObject;

  constructor(error: string, extra: JsonObject = {}) {
    super(error);
    this.extra = extra;
  }
}

/** Blocks that Slack would not show; each problem is one line, `must be ... [json-pointer:/blocks/0/text]`. */
export function invalidBlocks(problems: readonly string[]): ChatRefusal {
  const messages = problems.map(problem => `[ERROR] ${problem}`);
  return new ChatRefusal('invalid_blocks', { errors: [...problems], response_metadata: { messages } });
}
