package main

import "syscall"

// result is what a run hands to the harness: microseconds everywhere, instants on the machine's monotonic clock.
type result struct {
	Event               string    `json:"event"`
	Clients             int       `json:"clients"`
	FailureCount        int       `json:"failureCount"`
	Failures            []string  `json:"failures"`
	Received            int64     `json:"received"`
	ReceivedMin         int64     `json:"receivedMin"`
	ReceivedMax         int64     `json:"receivedMax"`
	ValueBytes          int64     `json:"valueBytes"`
	Latency             quantiles `json:"latencyMicros"`
	Connect             quantiles `json:"connectMicros"`
	LastAtMicros        int64     `json:"lastAtMicros"`
	ConnectToLastMicros int64     `json:"connectToLastMicros"`
	RequestToLastMicros int64     `json:"requestToLastMicros"`
	RequestToFirst      int64     `json:"requestToFirstMicros"`
	GeneratorCPUMicros  int64     `json:"generatorCpuMicros"`
}

type quantiles struct {
	Count int64 `json:"count"`
	P50   int64 `json:"p50"`
	P90   int64 `json:"p90"`
	P99   int64 `json:"p99"`
	Max   int64 `json:"max"`
}

// result may be asked for once the fleet has finished. Durations to the last record are those of the slowest client.
func (f *fleet) result() result {
	out := result{
		Event: "result", Clients: len(f.clients),
		FailureCount: f.failures.count, Failures: f.failures.reasons,
		ReceivedMin: f.clients[0].tally.received, GeneratorCPUMicros: cpuMicros(),
	}
	var latency, connect histogram
	for _, one := range f.clients {
		received := one.tally.received
		out.Received += received
		out.ReceivedMin = min(out.ReceivedMin, received)
		out.ReceivedMax = max(out.ReceivedMax, received)
		out.ValueBytes += one.tally.valueBytes
		latency.merge(&one.tally.latency)
		if one.respondedAtMicros > 0 {
			connect.add(one.respondedAtMicros - one.dialedAtMicros)
		}
		if received > 0 {
			out.addTimes(one)
		}
	}
	out.Latency = latency.quantiles()
	out.Connect = connect.quantiles()
	return out
}

func (r *result) addTimes(one *client) {
	r.LastAtMicros = max(r.LastAtMicros, one.lastAtMicros)
	r.ConnectToLastMicros = max(r.ConnectToLastMicros, one.lastAtMicros-one.dialedAtMicros)
	r.RequestToLastMicros = max(r.RequestToLastMicros, one.lastAtMicros-one.requestedAtMicros)
	r.RequestToFirst = max(r.RequestToFirst, one.firstAtMicros-one.requestedAtMicros)
}

func (h *histogram) quantiles() quantiles {
	return quantiles{Count: h.count, P50: h.quantile(0.5), P90: h.quantile(0.9), P99: h.quantile(0.99), Max: h.max}
}

func cpuMicros() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return -1
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
