// The client that ships here, for this page and any other: what its files export, at an address that stays.

export * from './client/index.js'
