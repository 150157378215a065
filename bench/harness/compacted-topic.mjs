// A compacted topic on a real Kafka, made with node-rdkafka's admin client.

import kafka from 'node-rdkafka'

/**
 * @param {string} bootstrapServers
 * @param {string} topic
 * @param {number} partitions
 * @param {Record<string, string>} config further settings of the topic
 * @returns {Promise<void>}
 */
export function createCompactedTopic(bootstrapServers, topic, partitions, config = {}) {
  const admin = kafka.AdminClient.create({ 'bootstrap.servers': bootstrapServers })
  const wanted = {
    topic,
    num_partitions: partitions,
    replication_factor: 1,
    config: { 'cleanup.policy': 'compact', ...config },
  }
  return new Promise((resolve, reject) => {
    admin.createTopic(wanted, (error) => {
      admin.disconnect()
      if (error) reject(error)
      else resolve()
    })
  })
}
