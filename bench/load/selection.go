package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// keySpace is how records get their keys: record n has key n * stride mod keys. Both have no common divisor, so in
// each period of `keys` records every key has one, in an order that looks random. bench/workloads/record.mjs makes
// them.
type keySpace struct {
	keys   int64
	places []int64 // By key: its place in a period, from 1.
}

func newKeySpace(keys, stride int64) (*keySpace, error) {
	space := &keySpace{keys: keys, places: make([]int64, keys)}
	for place := int64(1); place <= keys; place++ {
		key := place * stride % keys
		if space.places[key] != 0 {
			return nil, fmt.Errorf("%d keys and a stride of %d have a common divisor", keys, stride)
		}
		space.places[key] = place
	}
	return space, nil
}

// selection is the keys that a client selects. It tells from a record's number alone whether the record is one of them.
type selection struct {
	period int64
	places []int64 // Of its records in each period, ascending from 1.
	names  []string
}

// parse reads the numbers of keys, separated by commas.
func (s *keySpace) parse(line string) (*selection, error) {
	own := &selection{period: s.keys}
	for _, word := range strings.Split(line, ",") {
		key, err := strconv.ParseInt(word, 10, 64)
		if err != nil || key < 0 || key >= s.keys {
			return nil, fmt.Errorf("a key that is none: %q", word)
		}
		own.places = append(own.places, s.places[key])
		own.names = append(own.names, "key-"+word)
	}
	slices.Sort(own.places)
	if len(slices.Compact(slices.Clone(own.places))) < len(own.places) {
		return nil, fmt.Errorf("a key twice: %q", line)
	}
	return own, nil
}

// placeOf is from 1 to the period.
func (s *selection) placeOf(sequence int64) int64 {
	return (sequence-1)%s.period + 1
}

func (s *selection) has(sequence int64) bool {
	_, found := slices.BinarySearch(s.places, s.placeOf(sequence))
	return found
}

// next is the first record of the selection after that one.
func (s *selection) next(sequence int64) int64 {
	periods, place := sequence/s.period, sequence%s.period
	index, found := slices.BinarySearch(s.places, place)
	if found {
		index++
	}
	if index == len(s.places) {
		periods, index = periods+1, 0
	}
	return periods*s.period + s.places[index]
}

// count is how many records of the selection there are up to that one.
func (s *selection) count(sequence int64) int64 {
	index, found := slices.BinarySearch(s.places, sequence%s.period)
	if found {
		index++
	}
	return sequence/s.period*int64(len(s.places)) + int64(index)
}
