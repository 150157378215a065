package main

import (
	"bytes"
	"fmt"
)

// eventReader parses a text/event-stream as the HTML specification does, in pieces of any size. It hands over the
// data of each event, and the name of each event that is no `message`. It ignores comments, ids and retry times.
type eventReader struct {
	partial []byte // A line whose end has not come yet.
	data    []byte // The lines of `data` of the event at hand, each followed by LF.
	name    string // Of the event at hand, where it has one of its own: it is no record then.
	afterCR bool   // The last byte was CR: an LF right after it belongs to the same line end.
	deliver func(data []byte) error
	signal  func(name string) error
}

// lineBytesMax is the largest part of a line that is kept until its end comes.
const lineBytesMax = 32 << 20

func (r *eventReader) read(chunk []byte) error {
	for len(chunk) > 0 {
		if r.afterCR {
			r.afterCR = false
			if chunk[0] == '\n' {
				chunk = chunk[1:]
				continue
			}
		}
		end := lineEnd(chunk)
		if end < 0 {
			return r.keep(chunk)
		}
		r.afterCR = chunk[end] == '\r'
		line := chunk[:end]
		chunk = chunk[end+1:]
		if len(r.partial) > 0 {
			r.partial = append(r.partial, line...)
			line = r.partial
		}
		err := r.line(line)
		r.partial = r.partial[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *eventReader) keep(chunk []byte) error {
	if len(r.partial)+len(chunk) > lineBytesMax {
		return fmt.Errorf("a line longer than %d bytes", lineBytesMax)
	}
	r.partial = append(r.partial, chunk...)
	return nil
}

// lineEnd finds the first LF or CR, or returns -1.
func lineEnd(chunk []byte) int {
	feed := bytes.IndexByte(chunk, '\n')
	before := chunk
	if feed >= 0 {
		before = chunk[:feed]
	}
	if carriage := bytes.IndexByte(before, '\r'); carriage >= 0 {
		return carriage
	}
	return feed
}

func (r *eventReader) line(line []byte) error {
	if len(line) == 0 {
		return r.dispatch()
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		r.data = append(append(r.data, value...), '\n')
	case "event":
		r.name = string(value)
	}
	return nil
}

func (r *eventReader) dispatch() error {
	data, name := r.data, r.name
	r.data, r.name = r.data[:0], ""
	if len(data) == 0 {
		return nil
	}
	if name != "" && name != "message" {
		return r.signal(name)
	}
	return r.deliver(data[:len(data)-1])
}
