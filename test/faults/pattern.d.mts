export function recordValue(topic: string, offset: number): Buffer
export function recordKey(topic: string, offset: number): string | null
export function recordFrame(topic: string, offset: number): Buffer
export function idOf(nextOffset: number): string
