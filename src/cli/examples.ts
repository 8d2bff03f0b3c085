/** What stands behind the help of a command, without the name of the program; each line can be run as it stands. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  get: ['get', 'get -A', 'get -n weather -o json'],
  status: ['status forecast -n weather', 'status forecast -w', 'status forecast -w --timeout 30m && echo released'],
  history: ['history forecast -n weather', 'history forecast -o json', 'history forecast --evidence'],
  promote: [
    'promote forecast -n weather',
    "promote forecast --reason 'looked at the dashboards'",
    'promote forecast -w --timeout 30m',
  ],
  abort: ['abort forecast -n weather', "abort forecast --reason 'baskets are empty'", 'abort forecast --force'],
  retry: ['retry forecast -n weather', "retry forecast --reason 'the database was down'", 'retry forecast -w'],
  pause: ['pause forecast -n weather', "pause forecast --reason 'lunch'", 'pause forecast -o json'],
  resume: ['resume forecast -n weather', 'resume forecast -w', 'resume forecast --context production'],
  approve: [
    'approve forecast -n weather --server https://sluice.example.com',
    "approve forecast --comment 'looked at the dashboards'",
    'approve forecast --token "$(kubectl create token alice)"',
  ],
  reject: [
    "reject forecast -n weather --comment 'too many complaints'",
    'reject forecast --revision 7c1f09d2 --step 2',
    'reject forecast -o json',
  ],
  freeze: ["freeze --reason 'release of the shop'", 'freeze --status', 'freeze --off'],
  validate: ['validate rollout.yaml', 'validate rollouts/ --config sluice.yaml', 'validate rollout.yaml --cluster -o json'],
  plan: ['plan rollout.yaml', 'plan rollout.yaml --offline', 'plan rollout.yaml -o markdown'],
  analyze: [
    'analyze rollout.yaml --since 2h',
    'analyze forecast -n weather',
    'analyze --host forecast --stable v1 --canary v2 -n weather',
  ],
  simulate: [
    'simulate --scenario scenario.yaml',
    'simulate rollout.yaml --scenario scenario.yaml',
    'simulate --scenario scenario.yaml --update',
  ],
  replay: ['replay data/records/', 'replay record.json.gz -o json', 'replay -'],
  templates: [
    'templates check --templates-dir ./templates',
    'templates preview approval',
    'templates preview --channel slack -o json',
  ],
  install: ['install', 'install -n delivery --image registry.example.com/sluice:1.0.0', 'install > install.yaml'],
  controller: [
    'controller --config sluice.yaml',
    'controller --kubeconfig ~/.kube/config --log-level debug',
    'controller --leader-elect false',
  ],
  demo: ['demo', 'demo --story approval', 'demo --keep'],
  completion: [
    'completion bash > ~/.local/share/bash-completion/completions/sluice',
    'completion zsh > ~/.zfunc/_sluice',
    'completion fish > ~/.config/fish/completions/sluice.fish',
  ],
};
