// Where a stream's topic comes from: it is named in the options, or by each request, among those that the options list.

import type { Topic, TopicLease, TopicRefusal } from '../bus/topic.ts'

export interface StreamTopic {
  /** The topic that a request with these parameters of its path means; null: none that the stream has. */
  nameOf(params: unknown): string | null
  /** A use of the topic of this name, for one stream. `nameOf` has returned the name. */
  acquire(name: string): Promise<TopicLease | TopicRefusal>
}

/** A topic that is always open. */
export function fixedTopic(topic: Topic): StreamTopic {
  const lease = Promise.resolve({ topic, release: () => {} })
  return { nameOf: () => topic.name, acquire: () => lease }
}

export interface TopicByPathParts {
  /** The parameter of the path that names the topic. */
  readonly param: string
  /** Names that it may have. They are compared whole. */
  readonly names: readonly string[]
  readonly acquire: StreamTopic['acquire']
}

export function topicByPath({ param, names, acquire }: TopicByPathParts): StreamTopic {
  const listed = new Set<unknown>(names)
  return {
    nameOf: (params) => {
      const given = new Map<string, unknown>(Object.entries(Object(params))).get(param)
      return typeof given === 'string' && listed.has(given) ? given : null
    },
    acquire,
  }
}
