import type { Attention, StepMark, Verdict } from '../../rollout/index.ts';
import type { Tone } from '../terminal/text.ts';

/** Signs that can be told apart without colour. */
export type Marks = {
  readonly step: Readonly<Record<StepMark, string>>;
  readonly verdict: Readonly<Record<Verdict, string>>;
  readonly attention: Readonly<Record<Attention, string>>;
  readonly bar: { readonly full: string; readonly empty: string };
  readonly arrow: string;
  readonly ellipsis: string;
};

const UNICODE: Marks = {
  step: { done: '✔', now: '▶', next: '·', back: '↩' },
  verdict: { Pass: '✔', Fail: '✖', NoData: '?', Error: '!', NotApplicable: '–', Pending: '·' },
  attention: { broken: '✖', asks: '?', troubled: '!', moves: '▶', waits: '·', fine: '✔' },
  bar: { full: '█', empty: '░' },
  arrow: '→',
  ellipsis: '…',
};

const ASCII: Marks = {
  step: { done: '+', now: '>', next: '.', back: '<' },
  verdict: { Pass: '+', Fail: 'x', NoData: '?', Error: '!', NotApplicable: '-', Pending: '.' },
  attention: { broken: 'x', asks: '?', troubled: '!', moves: '>', waits: '.', fine: '+' },
  bar: { full: '#', empty: '-' },
  arrow: '->',
  ellipsis: '...',
};

export const marksFor = ({ isAscii }: { readonly isAscii: boolean }): Marks => (isAscii ? ASCII : UNICODE);

export const STEP_TONES: Readonly<Record<StepMark, Tone | undefined>> = {
  done: 'good',
  now: 'busy',
  next: 'dim',
  back: 'bad',
};

export const VERDICT_TONES: Readonly<Record<Verdict, Tone>> = {
  Pass: 'good',
  Fail: 'bad',
  NoData: 'warn',
  Error: 'warn',
  NotApplicable: 'dim',
  Pending: 'dim',
};

export const ATTENTION_TONES: Readonly<Record<Attention, Tone>> = {
  broken: 'bad',
  asks: 'warn',
  troubled: 'warn',
  moves: 'busy',
  waits: 'dim',
  fine: 'good',
};
