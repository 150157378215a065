// Where a tab's events come from.

/**
 * `seeking`: asks who leads. `joining`: has asked a leader. `following`: gets its events from the leader. `behind`: its
 * consumer is slow, so it has left the leader. `alone`: has a connection of its own. `leading`: has one for all.
 * `stopped`: its page is frozen, or in the back-forward cache.
 */
export type Role = 'seeking' | 'joining' | 'following' | 'behind' | 'alone' | 'leading' | 'stopped' | 'closed'

export function hasConnection(role: Role): boolean {
  return role === 'alone' || role === 'leading'
}

export function isWithLeader(role: Role): boolean {
  return role === 'joining' || role === 'following'
}
