package harness

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// encodeValue makes the same value as bench/workloads/record.mjs: ASCII, exactly valueBytes long, stamped with the
// machine's monotonic clock. bench/load/record.go reads it.
func encodeValue(sequence int64, valueBytes int, nowMicros int64) (string, error) {
	head := fmt.Sprintf(`{"s":%d,"t":%d,"p":"`, sequence, nowMicros)
	filling := valueBytes - len(head) - len(`"}`)
	if filling < 0 {
		return "", fmt.Errorf("no value of the bench has %d bytes", valueBytes)
	}
	return head + strings.Repeat("x", filling) + `"}`, nil
}

// keyOf is the key that bench/workloads/record.mjs gives to that record.
func (o order) keyOf(sequence int64) string {
	return fmt.Sprintf("key-%d", sequence*o.Stride%o.Keys)
}

// machineMicros reads CLOCK_MONOTONIC, which every process of a machine shares. Go's own reading of it hides its zero.
func machineMicros() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, err
	}
	return now.Nano() / 1000, nil
}
