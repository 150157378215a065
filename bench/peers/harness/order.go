package harness

import "time"

// order says what the program should publish: see bench/workloads/pace.mjs.
type order struct {
	First         int64 `json:"first"`
	Count         int64 `json:"count"`
	RatePerSecond int64 `json:"ratePerSecond"` // 0: as fast as it goes.
	ValueBytes    int   `json:"valueBytes"`
	Keys          int64 `json:"keys"`
	Stride        int64 `json:"stride"`
}

// pace publishes each record as soon as it is due, and never before. If it is behind, it publishes at once what is
// due, so that a slow server cannot lower its own load.
func (o order) pace(publish func(sequence int64) error) error {
	start := time.Now()
	for done := int64(0); done < o.Count; {
		due := o.due(time.Since(start))
		for ; done < due; done++ {
			if err := publish(o.First + done); err != nil {
				return err
			}
		}
		if done < o.Count {
			time.Sleep(o.dueAfter(done) - time.Since(start))
		}
	}
	return nil
}

// due is how many records are due after that time. The first one is due at once.
func (o order) due(elapsed time.Duration) int64 {
	if o.RatePerSecond == 0 {
		return o.Count
	}
	return min(o.Count, elapsed.Microseconds()*o.RatePerSecond/1_000_000+1)
}

// dueAfter is when the record after that many becomes due.
func (o order) dueAfter(done int64) time.Duration {
	return time.Duration(done) * time.Second / time.Duration(o.RatePerSecond)
}
