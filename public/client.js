// The client for this page and for others, at a fixed address: re-exports the files in client/.

export * from './client/index.js'
