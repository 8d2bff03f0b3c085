// @ts-check
/** The list of rollouts. */
const answer = await fetch('/api/v1/rollouts', {
  headers: { authorization: `Bearer ${sessionStorage.getItem('sluice-token') ?? ''}` },
});
const { items = [] } = await answer.json();
for (const { namespace, name, phase, message } of items) {
  const line = document.createElement('li');
  const link = document.createElement('a');
  link.href = `/rollouts/${namespace}/${name}`;
  link.textContent = `${namespace}/${name}`;
  line.append(link, ` ${phase} ${message}`);
  document.getElementById('rollouts')?.append(line);
}
