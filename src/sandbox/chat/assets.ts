/** Style of the inbox page; follows the light or dark setting of the system. */
export const STYLE = `
:root { color-scheme: light dark; --line: #8886; --quiet: light-dark(#5a5a5a, #aaa); --good: light-dark(#0b6b3a, #2e9e63); --bad: light-dark(#b3123a, #d8456b); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; } h3 { margin: .3rem 0; }
.top { display: flex; flex-wrap: wrap; gap: 1rem; justify-content: space-between; align-items: center; }
nav ul { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; margin: 1rem 0; padding: 0; }
nav a { display: block; padding: .2rem .7rem; border: 1px solid var(--line); border-radius: 1rem; color: inherit; text-decoration: none; }
nav a[aria-current] { font-weight: bold; border-color: currentColor; }
article { border-top: 1px solid var(--line); padding: .7rem 0; overflow-wrap: anywhere; }
article header time, .quiet { color: var(--quiet); font-size: .875rem; }
details { margin-left: 1.5rem; padding-left: 1rem; border-left: 3px solid var(--line); }
summary { cursor: pointer; padding: .2rem 0; }
.section { display: flex; gap: 1rem; justify-content: space-between; margin: .3rem 0; }
.fields { columns: 2; list-style: none; padding: 0; margin: .3rem 0; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: .5rem 0; }
pre, code { background: #8882; border-radius: .3rem; padding: .1rem .3rem; white-space: pre-wrap; }
pre { padding: .5rem; } blockquote { margin: .3rem 0; padding-left: .8rem; border-left: 4px solid var(--line); }
mark { border-radius: .2rem; }
button, select { font: inherit; padding: .35rem .9rem; border-radius: .4rem; border: 1px solid var(--line); cursor: pointer; }
button.primary { background: #0b6b3a; color: #fff; } button.danger { background: #b3123a; color: #fff; }
button:disabled { opacity: .6; cursor: progress; }
:focus-visible { outline: 3px solid #2a7de1; outline-offset: 2px; }
#notice:not(:empty) { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .8rem; }
#notice.bad { border-color: var(--bad); } #notice.good { border-color: var(--good); }
.presses { padding-left: 1.2rem; font-size: .875rem; }
`;

/** Keeps the page up to date, and presses without leaving it; the page works without it, too. */
export const SCRIPT = `
'use strict';
const inbox = document.getElementById('inbox');
const notice = document.getElementById('notice');
const identity = document.getElementById('identity');
const as = new FormData(identity).get('as');
const channel = new FormData(identity).get('channel');

identity.querySelector('button').hidden = true;
identity.addEventListener('change', () => identity.requestSubmit());

const say = (text, isGood) => {
  notice.textContent = text;
  notice.className = isGood ? 'good' : 'bad';
};

let isBusy = false;
let isOld = false;
let shown;
/** Fetches what the page shows; what had the focus, and which threads were open, stays so. */
const refresh = async () => {
  if (isBusy) { isOld = true; return; }
  isBusy = true;
  isOld = false;
  try {
    const answer = await fetch('/inbox?' + new URLSearchParams({ channel, as }));
    const html = await answer.text();
    if (answer.ok && html !== shown) {
      const focused = inbox.contains(document.activeElement) ? document.activeElement.id : '';
      const open = [...inbox.querySelectorAll('details[open]')].map(item => item.id);
      const isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 80;
      inbox.innerHTML = html;
      shown = html;
      for (const id of open) { const item = document.getElementById(id); if (item) item.open = true; }
      // a button that is gone leaves the keyboard where it was
      if (focused) (document.getElementById(focused) ?? inbox).focus();
      if (isAtEnd) scrollTo(0, document.body.scrollHeight);
    }
  } catch { /* the stream says when the server is there again */ }
  isBusy = false;
  if (isOld) refresh();
};

inbox.addEventListener('submit', async event => {
  event.preventDefault();
  const button = event.submitter;
  if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
  const label = button.textContent;
  button.disabled = true;
  try {
    const answer = await fetch('/press', {
      method: 'POST', headers: { accept: 'application/json' }, body: new URLSearchParams(new FormData(event.target)),
    });
    const { problem, tookMs } = await answer.json();
    say(problem ? '\\u26a0 ' + label + ': ' + problem : label + ': acknowledged after ' + tookMs + ' ms', !problem);
  } catch (error) {
    say('\\u26a0 ' + label + ': ' + error.message, false);
  }
  button.disabled = false;
  refresh();
});

scrollTo(0, document.body.scrollHeight);
const stream = new EventSource('/events');
stream.onmessage = refresh;
stream.onopen = () => { if (notice.dataset.lost) { delete notice.dataset.lost; say('Connected again.', true); } refresh(); };
stream.onerror = () => { notice.dataset.lost = 'yes'; say('The sandbox does not answer; trying again.', false); };
`;
