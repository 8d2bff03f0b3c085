import { describe, expect, it } from 'vitest';
import { answerPlan, bodyOf, hasMovedOn, outcomeOf, requestPlan } from '../../src/dashboard/actions.js';
import { rolloutView } from '../../src/rollout/index.ts';
import { detailOf, NOW_MS } from './details.ts';

const asking = (step = 2) =>
  detailOf({
    phase: 'AwaitingApproval',
    reason: 'WaitingForApproval',
    step: { index: step - 1, count: 3, askedAt: '2026-11-21T14:00:00Z' },
  });

const QUESTION = {
  revision: '7c1f09d2',
  step: 2,
  weight: 50,
  askedAt: '2026-11-21T14:00:00Z',
  approval: { when: 'before', required: 2, approvers: ['user:alice', 'user:bob'], onTimeout: 'hold', allowAuthor: false },
  given: [],
} as const;

const sent = (plan: Parameters<typeof bodyOf>[0], written = '', force = false) => bodyOf(plan, { written, force });

describe('what a dialog would send', () => {
  it('R22: promote names revision and step as they were when the dialog was opened', () => {
    const plan = requestPlan('promote', detailOf({ step: { index: 2, count: 3 } }));
    expect(sent(plan, ' enough seen ')).toEqual({ revision: '7c1f09d2', step: 2, reason: 'enough seen' });
    expect(plan.path).toBe('/api/v1/rollouts/weather/forecast/promote');
    expect(plan.sentences.join(' ')).toContain(
      'step 2 of 3, 50 % of the requests on the new version, v1 → v2, revision 7c1f09d2',
    );
  });

  it('R11, R22: promote names when the step began, which is another one after an edit, and tells that it has moved on', () => {
    const shown = (startedAt: string) => detailOf({ step: { index: 1, count: 3, startedAt } });
    const plan = requestPlan('promote', shown('2026-11-21T14:00:00.120Z'));
    expect(sent(plan)).toEqual({ revision: '7c1f09d2', step: 1, startedAt: '2026-11-21T14:00:00.120Z' });
    expect(hasMovedOn(plan, shown('2026-11-21T14:00:00.120Z'))).toBe(false);
    expect(hasMovedOn(plan, shown('2026-11-21T14:01:00.000Z'))).toBe(true);
  });

  it.each(['abort', 'pause', 'resume'] as const)(
    'R22: %s names the attempt only, so that a step that begins does not refuse it',
    verb => {
      expect(sent(requestPlan(verb, detailOf({ step: { index: 2, count: 3 } })))).toEqual({ revision: '7c1f09d2' });
    },
  );

  it('R6: an abort can be forced only while the stable version has no ready pod', () => {
    const waiting = detailOf({ phase: 'RollingBack', waitingFor: { what: 'pods' } });
    expect(sent(requestPlan('abort', waiting), '', true)).toEqual({ revision: '7c1f09d2', force: true });
    expect(sent(requestPlan('abort', detailOf({})), '', true)).toEqual({ revision: '7c1f09d2' });
  });

  it('says which version is started again, and which one is pinned', () => {
    const { step: _, ...over } = detailOf({ phase: 'RolledBack' }).status ?? {};
    const retried = requestPlan('retry', { ...detailOf({}), view: viewOf(over) });
    expect(retried.sentences[0]).toBe('Starts v2 again with the first step.');
    const pinned = requestPlan('promote', {
      ...detailOf({}),
      view: viewOf({ phase: 'Pending', reason: 'PinNeeded', message: '' }),
    });
    expect([pinned.sentences[0], sent(pinned)]).toEqual(['Makes v2 the stable version.', {}]);
  });

  it.each(['approve', 'reject'] as const)('R19: %s answers what was shown at the click, whatever is asked since', decision => {
    const plan = answerPlan(decision, asking(), QUESTION);
    expect(sent(plan, 'looks good')).toEqual({
      decision,
      revision: '7c1f09d2',
      step: 2,
      askedAt: '2026-11-21T14:00:00Z',
      comment: 'looks good',
    });
    expect(hasMovedOn(plan, { ...asking(), question: QUESTION })).toBe(false);
    const anew = { ...QUESTION, step: 3 };
    expect(hasMovedOn(plan, { ...asking(3), question: anew })).toBe(true);
    expect(hasMovedOn(plan, asking())).toBe(true);
    expect(sent(plan)).toMatchObject({ step: 2 });
  });

  it('R19: says who has to agree after this answer', () => {
    expect(answerPlan('approve', asking(), QUESTION).sentences[0]).toContain('1 more person has to agree after you.');
    const last = answerPlan('approve', asking(), { ...QUESTION, given: ['bob'] });
    expect(last.sentences[0]).toBe('Lets step 2 begin at 50 % for v2, if every gate passes.');
    expect(answerPlan('reject', asking(), QUESTION).sentences[0]).toBe('Puts all traffic back on v1: one rejection is enough.');
  });

  it('a request is about the step that was shown', () => {
    const plan = requestPlan('promote', detailOf({ step: { index: 2, count: 3 } }));
    expect(hasMovedOn(plan, detailOf({ step: { index: 2, count: 3 } }))).toBe(false);
    expect(hasMovedOn(plan, detailOf({ step: { index: 3, count: 3 } }))).toBe(true);
  });
});

const viewOf = (status: object) =>
  rolloutView({ ...detailOf({}), status: { ...(status as NonNullable<ReturnType<typeof detailOf>['status']>) } }, NOW_MS);

describe('what became of it', () => {
  const plan = requestPlan('abort', detailOf({}));

  it('is told in the words of the answer', () => {
    expect(outcomeOf(plan, { ok: true, body: { outcome: 'traffic goes back' } })).toEqual({
      isDone: true,
      text: 'Abort weather/forecast: traffic goes back.',
    });
    expect(outcomeOf(plan, { ok: true, body: {} }).text).toBe('Abort weather/forecast: recorded.');
  });

  it('R22: what is refused can be sent again', () => {
    expect(outcomeOf(plan, { ok: false, status: 409, detail: 'Step 3 is in progress.' })).toEqual({
      isDone: false,
      text: 'Not recorded (409): Step 3 is in progress.',
    });
  });

  it('R19: nobody says that something was recorded when nothing answers', () => {
    const { isDone, text } = outcomeOf(plan, { ok: false, status: 0, detail: 'Sluice does not answer.' });
    expect([isDone, text]).toEqual([false, expect.stringMatching(/^Sluice does not answer; it is not known/)]);
  });
});
