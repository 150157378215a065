package main

import "syscall"

// result is what a run hands to the harness: microseconds everywhere, instants on the machine's monotonic clock.
type result struct {
	Event                string    `json:"event"`
	Clients              int       `json:"clients"`
	FailureCount         int       `json:"failureCount"`
	Failures             []string  `json:"failures"`
	Received             int64     `json:"received"`
	WarmRecords          int64     `json:"warmRecords"`
	ReceivedMin          int64     `json:"receivedMin"`
	ReceivedMax          int64     `json:"receivedMax"`
	ValueBytes           int64     `json:"valueBytes"`
	Latency              quantiles `json:"latencyMicros"`
	LastLatency          quantiles `json:"lastLatencyMicros"`
	Connect              quantiles `json:"connectMicros"`
	FirstRequestAtMicros int64     `json:"firstRequestAtMicros"`
	LastAtMicros         int64     `json:"lastAtMicros"`
	ConnectToLastMicros  int64     `json:"connectToLastMicros"`
	RequestToLastMicros  int64     `json:"requestToLastMicros"`
	RequestToFirst       int64     `json:"requestToFirstMicros"`
	EachToLast           quantiles `json:"eachToLastMicros"`
	EachToReady          quantiles `json:"eachToReadyMicros"`
	Deadlines            deadlines `json:"deadlines"`
	GeneratorCPUMicros   int64     `json:"generatorCpuMicros"`
}

// deadlines is how late challenges and heartbeats were, and how soon renewals were answered. One that had not come when
// the run ended counts as if it had come then, because it took at least that long.
type deadlines struct {
	ChallengeLate quantiles `json:"challengeLateMicros"`
	Unchallenged  int       `json:"unchallenged"`
	Renewal       quantiles `json:"renewalMicros"`
	Unanswered    int       `json:"unanswered"`
	HeartbeatLate quantiles `json:"heartbeatLateMicros"`
}

// stretch is the part of a result for some records of a run that goes on.
type stretch struct {
	Event       string    `json:"event"`
	Latency     quantiles `json:"latencyMicros"`
	LastLatency quantiles `json:"lastLatencyMicros"`
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
	counted := f.stretch()
	out := result{
		Event: "result", Clients: len(f.clients),
		FailureCount: f.failures.count, Failures: f.failures.reasons,
		Latency: counted.Latency, LastLatency: counted.LastLatency, Deadlines: f.deadlines(),
		ReceivedMin: f.clients[0].tally.received, GeneratorCPUMicros: cpuMicros(),
	}
	var connect, toLast, toReady histogram
	for _, one := range f.clients {
		received := one.tally.received
		out.Received += received
		out.WarmRecords += one.tally.warm
		out.ReceivedMin = min(out.ReceivedMin, received)
		out.ReceivedMax = max(out.ReceivedMax, received)
		out.ValueBytes += one.tally.valueBytes
		if one.respondedAtMicros > 0 {
			connect.add(one.respondedAtMicros - one.dialedAtMicros)
		}
		if received > 0 {
			out.addTimes(one)
			toLast.add(one.lastAtMicros - one.requestedAtMicros)
		}
		if one.readyAtMicros > 0 {
			toReady.add(one.readyAtMicros - one.requestedAtMicros)
		}
	}
	out.Connect, out.EachToLast, out.EachToReady = connect.quantiles(), toLast.quantiles(), toReady.quantiles()
	return out
}

func (r *result) addTimes(one *client) {
	if r.FirstRequestAtMicros == 0 || one.requestedAtMicros < r.FirstRequestAtMicros {
		r.FirstRequestAtMicros = one.requestedAtMicros
	}
	r.LastAtMicros = max(r.LastAtMicros, one.lastAtMicros)
	r.ConnectToLastMicros = max(r.ConnectToLastMicros, one.lastAtMicros-one.dialedAtMicros)
	r.RequestToLastMicros = max(r.RequestToLastMicros, one.lastAtMicros-one.requestedAtMicros)
	r.RequestToFirst = max(r.RequestToFirst, one.firstAtMicros-one.requestedAtMicros)
}

func (f *fleet) stretch() stretch {
	var latency histogram
	for _, one := range f.clients {
		latency.merge(&one.tally.latency)
	}
	return stretch{Event: "more", Latency: latency.quantiles(), LastLatency: f.lastLatency()}
}

// lastLatency is, for each record, the latency to the last client. It is empty if there are too many records to keep,
// or if a client lacks one.
func (f *fleet) lastLatency() quantiles {
	var last histogram
	for record := range f.clients[0].tally.arrivals {
		var latest uint32
		for _, one := range f.clients {
			if one.tally.arrivals[record] == 0 {
				return quantiles{}
			}
			latest = max(latest, one.tally.arrivals[record])
		}
		last.add(int64(latest))
	}
	return last.quantiles()
}

func (f *fleet) deadlines() deadlines {
	var out deadlines
	var challenge, renewal, heartbeat histogram
	now := f.clock.nowMicros()
	for _, one := range f.clients {
		if one.silence != nil {
			heartbeat.merge(&one.silence.lateMicros)
		}
		if one.renewal == nil {
			continue
		}
		switch late := f.clock.epochMicros(now) - one.renewal.dueEpochMicros; {
		case one.renewal.postedAtMicros > 0:
			challenge.add(one.renewal.lateMicros)
		case late > 0:
			out.Unchallenged++
			challenge.add(late)
		}
		switch {
		case one.renewal.answeredAtMicros > 0:
			renewal.add(one.renewal.answeredAtMicros - one.renewal.postedAtMicros)
		case one.renewal.postedAtMicros > 0:
			out.Unanswered++
			renewal.add(now - one.renewal.postedAtMicros)
		}
	}
	out.ChallengeLate, out.Renewal, out.HeartbeatLate = challenge.quantiles(), renewal.quantiles(), heartbeat.quantiles()
	return out
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
