package main

import (
	"syscall"
	"time"
	"unsafe"
)

// clock tells microseconds of CLOCK_MONOTONIC, which every process of a machine shares (Node's process.hrtime reads
// it, too). Go's own monotonic time is the same clock without its zero, and is read without a system call.
type clock struct {
	base       time.Time
	baseMicros int64
}

func newClock() (*clock, error) {
	var now syscall.Timespec
	const clockMonotonic = 1
	base := time.Now()
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		return nil, errno
	}
	return &clock{base: base, baseMicros: now.Nano() / 1000}, nil
}

func (c *clock) nowMicros() int64 {
	return c.baseMicros + time.Since(c.base).Microseconds()
}

// epochMicros is the time of day at an instant of the clock, because a token's end is a time of day.
func (c *clock) epochMicros(atMicros int64) int64 {
	return c.base.UnixMicro() + atMicros - c.baseMicros
}
