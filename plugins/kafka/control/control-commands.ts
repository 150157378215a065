// The commands by which an operator makes the control topic, or mends it.

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
