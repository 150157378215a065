// Before each file that shares a process: it gets modules of its own, as in a process of its own.

import { vi } from 'vitest'

vi.resetModules()
