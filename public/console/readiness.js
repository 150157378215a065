// Whether the process is ready; if not, each reason with what to do about it.

import { element, make } from '../shared/dom.js'

/** The first that fits a reason. docs/observing.md, "Health", has the same in a table. */
const ADVICE = [
  [/is draining/, 'Nothing: it was told to stop, and ends its streams.'],
  [
    /no room for more revocations/,
    'Restart it once revoked tokens have expired; shorten the life of tokens.',
  ],
  [
    /control topic/,
    'If it is missing or compacted, run the command that is named here. Else look at the brokers.',
  ],
  [/does not fit/, 'Raise the bound of retained bytes or records of the topic, then restart.'],
  [/^topic (\S+) does not exist/, missingTopic],
  [/being read|waiting for Kafka|reading what Kafka holds|to go$/, 'Wait: it reads what Kafka holds.'],
  [/no leader|from the leader/, 'Look at the brokers of these partitions. The server goes on by itself.'],
  [/^(no|the) key set|told its keys/, 'Look at the identity provider. The server goes on by itself.'],
  [/cannot be read/, 'Look at the topic’s ACL and codec, and at the brokers. The server goes on by itself.'],
  [/Kafka/, 'Look at the brokers, and at the address and the credentials that are set.'],
]

/** `notReady`: the reasons; null: there is no connection to the server. `topics`: those that the server reads. */
export function showReadiness(notReady, topics) {
  const words =
    notReady === null ? 'No connection to the server' : notReady.length > 0 ? 'Not ready' : 'Ready'
  const reasons = notReady ?? []
  element('readiness').dataset.state = notReady?.length === 0 ? 'ready' : 'trouble'
  // Screen readers read a change, so nothing is set again.
  if (element('state').textContent !== words) element('state').textContent = words
  document.title = `${words} · kafka-sse status`
  const shown = [...element('reasons').querySelectorAll('dt')].map(({ textContent }) => textContent)
  if (shown.join('\n') === reasons.join('\n')) return
  element('reasons').replaceChildren(
    ...reasons.map((reason) =>
      make('div', {}, make('dt', {}, reason), make('dd', {}, adviceFor(reason, topics))),
    ),
  )
}

export function adviceFor(reason, topics = []) {
  const [pattern, advice] = ADVICE.find(([each]) => each.test(reason)) ?? []
  if (typeof advice !== 'function') return advice ?? 'The log says more.'
  return advice(pattern.exec(reason)[1], topics)
}

/** With the command that makes it, as the streams of the topic need it. */
function missingTopic(name, topics) {
  const isTable = topics.some((topic) => topic.name === name && topic.keeps === 'latest')
  const command =
    'kafka-topics.sh --bootstrap-server BROKER --create ' +
    `--topic ${name} --config cleanup.policy=${isTable ? 'compact' : 'delete'}`
  return `Create the topic: ${command}. Or let this principal describe it. The server goes on by itself.`
}
