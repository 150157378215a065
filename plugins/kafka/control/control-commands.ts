// What an operator has to mend of the control topic, in words, and the commands that do.

/** The reason may change while it lasts. */
export interface ControlFault {
  readonly what: string
  readonly reason: string | null
}

export function faultWords({ what, reason }: ControlFault): string {
  return reason === null ? what : `${what}: ${reason}`
}

export function createCommand(topic: string, servers: string): string {
  const settings =
    '--config cleanup.policy=delete --config retention.ms=604800000 --config retention.bytes=-1'
  return `kafka-topics.sh --bootstrap-server ${servers} --create --topic ${topic} --partitions 3 ${settings}`
}

export function compactedTopic(topic: string, servers: string): string {
  const command = `kafka-configs.sh --bootstrap-server ${servers} --alter --topic ${topic}`
  return (
    `control topic ${topic} is compacted, so records of others could take revocations away: ` +
    `${command} --add-config cleanup.policy=delete`
  )
}
