export function bitsOf(seed: number): () => number
export function randomOf(seed: number): () => number
