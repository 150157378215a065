package main

import "testing"

func TestQuantilesAreRightWithinThreePercent(t *testing.T) {
	for _, scale := range []int64{1, 37, 1000, 1_000_000} {
		var all histogram
		for part := range int64(4) {
			var some histogram
			for i := part; i < 10_000; i += 4 {
				some.add(i * scale)
			}
			all.merge(&some)
		}
		for _, q := range []float64{0.5, 0.9, 0.99} {
			exact := q * 10_000 * float64(scale)
			if ratio := float64(all.quantile(q)) / exact; ratio < 0.97 || ratio > 1.04 {
				t.Errorf("scale %d, quantile %g: %d, not %g", scale, q, all.quantile(q), exact)
			}
		}
		if all.max != 9_999*scale || all.count != 10_000 {
			t.Errorf("scale %d: max %d, count %d", scale, all.max, all.count)
		}
	}
}

func TestBucketsMeetWithoutGapOrOverlap(t *testing.T) {
	for bucket := range bucketCount - 1 {
		bound := upperBound(bucket)
		if bucketOf(bound) != bucket || bucketOf(bound+1) != bucket+1 {
			t.Fatalf("bucket %d ends at %d: %d, %d", bucket, bound, bucketOf(bound), bucketOf(bound+1))
		}
	}
}

func TestClockIsTheMachinesAndGoesOn(t *testing.T) {
	clock, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	again, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	first := clock.nowMicros()
	second := again.nowMicros()
	if first <= 0 || second < first-50 || second-first > 1_000_000 {
		t.Errorf("%d, then %d", first, second)
	}
}
