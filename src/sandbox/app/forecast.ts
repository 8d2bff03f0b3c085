import type { PodIdentity } from '../workloads/identity.ts';

interface Look {
  readonly colour: string;
  readonly name: string;
  readonly recommendation?: string;
}

const LOOKS: { readonly [version: string]: Look } = {
  v1: { colour: '#2e9e5b', name: 'green' },
  v2: { colour: '#2563eb', name: 'blue', recommendation: 'Take a light jacket: it cools down after six.' },
  v3: { colour: '#ea7317', name: 'orange', recommendation: 'Sunscreen at noon, and a light jacket after six.' },
};

const OTHER: Look = { colour: '#7c3aed', name: 'violet' };

const lookOf = (version: string): Look => LOOKS[version] ?? OTHER;

const DAYS = [
  { day: 'Today', sky: 'Sunny', high: 24, low: 13 },
  { day: 'Tomorrow', sky: 'Cloudy', high: 19, low: 12 },
  { day: 'Day after', sky: 'Rain', high: 16, low: 10 },
];

/** What `GET /api/forecast` answers. */
export function forecastJson(identity: PodIdentity): string {
  const look = lookOf(identity.version);
  const recommendation = look.recommendation ? { recommendation: look.recommendation } : {};
  return `${JSON.stringify({ app: identity.app, version: identity.version, pod: identity.pod, button: look.name, days: DAYS, ...recommendation })}\n`;
}

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);

/** The page to look at in a browser: the button's colour tells the version. */
export function forecastPage(identity: PodIdentity): string {
  const look = lookOf(identity.version);
  const days = DAYS.map(item => `<li><b>${item.day}</b><span>${item.sky}</span><i>${item.high}° / ${item.low}°</i></li>`).join(
    '',
  );
  const advice = look.recommendation ? `<p class="advice">Recommendation: ${look.recommendation}</p>` : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weather Forecast ${escapeHtml(identity.version)}</title>
<style>
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:#eef3f8;color:#1d2733}
main{background:#fff;border-radius:16px;box-shadow:0 8px 30px #0002;padding:32px;width:min(92vw,420px)}
h1{margin:0 0 4px;font-size:1.5rem}ul{list-style:none;padding:0}li{display:flex;gap:12px;padding:8px 0;border-bottom:1px solid #e5ebf1}
li b{flex:1}li i{font-style:normal;color:#5b6b7b}
button{width:100%;padding:14px;border:0;border-radius:10px;color:#fff;font:600 1rem system-ui;background:${look.colour};cursor:pointer}
.advice{background:#eff6ff;border-left:4px solid ${look.colour};padding:10px 12px;border-radius:6px}
footer{margin-top:16px;font-size:.8rem;color:#5b6b7b}
</style></head><body><main>
<h1>Weather Forecast</h1><div>Three days, one button.</div><ul>${days}</ul>${advice}
<button onclick="location.reload()">Refresh the forecast</button>
<footer>version <b>${escapeHtml(identity.version)}</b> (${look.name}), pod ${escapeHtml(identity.pod)}</footer>
</main></body></html>
`;
}
