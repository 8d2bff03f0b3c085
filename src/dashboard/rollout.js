// One Rollout as its status tells it. Everything is put in as text, never as markup: names and messages come from outside.
const REFRESH_MS = 5_000;
const TOKEN = 'sluice-token';

const [, , namespace = '', name = ''] = location.pathname.split('/');
const url = `/api/v1/rollouts/${namespace}/${name}`;
const part = id => document.getElementById(id);
/** What the reader sees being asked; absent: nothing. */
let question;

const headers = () => {
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? {} : { authorization: `Bearer ${token}` };
};

const detailOf = async answer => {
  const { detail } = await answer.json().catch(() => ({}));
  return `${answer.status}: ${detail ?? answer.statusText}`;
};

const fillRows = (id, rows) => {
  part(id).replaceChildren(
    ...rows.map(cells => {
      const row = document.createElement('tr');
      row.append(
        ...cells.map(text => {
          const cell = document.createElement('td');
          cell.textContent = text ?? '';
          return cell;
        }),
      );
      return row;
    }),
  );
};

const fillFacts = facts => {
  part('facts').replaceChildren(
    ...facts
      .filter(([, value]) => value !== undefined)
      .flatMap(([title, value]) => {
        const [term, text] = [document.createElement('dt'), document.createElement('dd')];
        term.textContent = title;
        text.textContent = value;
        return [term, text];
      }),
  );
};

const askedText = ({ step, weight, approval, given }) =>
  `Step ${step} at ${weight}% needs ${approval.required} of ${approval.approvers.join(', ')}; ${given.length === 0 ? 'nobody' : given.join(', ')} so far.`;

const show = ({ status = {}, question: open }) => {
  question = open;
  document.title = `${status.phase ?? 'Pending'}: ${namespace}/${name}`;
  part('title').textContent = `${namespace}/${name}: ${status.phase ?? 'Pending'}`;
  part('message').textContent = status.message ?? 'not looked at yet';
  fillFacts([
    ['Version', status.canaryVersion ?? status.stableVersion],
    ['Stable', status.stableVersion],
    ['Weight', status.display?.weight],
    ['Step', status.display?.step],
    ['Waits for', status.waitingFor?.what],
    ['Until', status.waitingFor?.until],
    ['Source', status.source?.revision],
  ]);
  part('question').hidden = open === undefined;
  if (open !== undefined) part('ask').textContent = askedText(open);
  fillRows(
    'gates',
    (status.gates ?? []).map(({ name, verdict, message }) => [name, verdict, message]),
  );
  fillRows(
    'approvals',
    (status.approvals ?? []).map(({ at, step, by, decision, via, comment }) => [at, String(step), by, decision, via, comment]),
  );
  fillRows(
    'history',
    [...(status.history ?? [])].reverse().map(({ at, action, reason, message }) => [at, action, reason, message]),
  );
};

const refresh = async () => {
  try {
    const answer = await fetch(url, { headers: headers(), cache: 'no-store' });
    part('login').hidden = answer.status !== 401;
    part('rollout').hidden = !answer.ok;
    if (answer.ok) show(await answer.json());
    part('notice').textContent = answer.ok ? '' : await detailOf(answer);
    return answer.ok;
  } catch {
    part('notice').textContent = 'Sluice does not answer; what stands here may be old.';
    return true;
  }
};

const tell = text => {
  part('outcome').textContent = text;
};

/** What is not recorded can be sent again, so the comment stays. */
const send = async (what, body) => {
  try {
    const sent = { method: 'POST', headers: { ...headers(), 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(`${url}/approvals`, sent);
    if (answer.ok) part('comment').value = '';
    tell(answer.ok ? `Recorded: ${what}.` : `Not recorded: ${what}. ${await detailOf(answer)}`);
  } catch {
    tell(`Sluice does not answer; it is not known whether this was recorded: ${what}.`);
  }
};

/** Answers what was shown at the click, whatever has been asked since. */
const answerWith = async (decision, asked) => {
  if (asked === undefined) return tell('Nothing is asked any more; nothing was sent.');
  const { revision, step, weight } = asked;
  const what = `${decision} step ${step} at ${weight}% of ${namespace}/${name}, revision ${revision}`;
  if (!confirm(`Really ${what}?`)) return tell('Nothing was sent.');
  const comment = part('comment').value;
  const buttons = [part('approve'), part('reject')];
  for (const button of buttons) button.disabled = true;
  tell('Sending ...');
  await send(what, { decision, revision, step, ...(comment === '' ? {} : { comment }) });
  for (const button of buttons) button.disabled = false;
  await refresh();
};

part('login').addEventListener('submit', async event => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, part('token').value.trim());
  part('token').value = '';
  await keepFresh();
});
part('approve').addEventListener('click', () => answerWith('approve', question));
part('reject').addEventListener('click', () => answerWith('reject', question));

/** Stops where the answer is no: guesses would count against this address. */
const keepFresh = async () => {
  if (await refresh()) setTimeout(keepFresh, REFRESH_MS);
};

await keepFresh();
