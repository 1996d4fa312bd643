package container

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// shorthands are the words that systemd.time(7) has for calendar events.
var shorthands = []string{"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly"}

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// checkCalendar accepts the calendar events of systemd.time(7), [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE] or a
// shorthand: what it accepts systemd does too.
func checkCalendar(s string) error {
	if s == "" || len(s) > 200 {
		return errors.New("write when it runs")
	}
	words := strings.Split(s, " ")
	for i, w := range words {
		if w == "" || i > 3 {
			return errors.New("there are one to four words with one space between them")
		}
	}
	if len(words) > 1 {
		if _, ok := zoneOf(s); ok {
			words = words[:len(words)-1]
		}
	}
	for _, short := range shorthands {
		if words[0] == short {
			if len(words) > 1 {
				return fmt.Errorf("%q stands alone", short)
			}
			return nil
		}
	}
	at := 0
	if isWeekdays(words[0]) {
		at++
	}
	if at < len(words) && strings.ContainsAny(words[at], "-~") {
		if err := checkDate(words[at]); err != nil {
			return err
		}
		at++
	}
	if at < len(words) && strings.Contains(words[at], ":") {
		if err := checkTime(words[at]); err != nil {
			return err
		}
		at++
	}
	if at != len(words) {
		return fmt.Errorf("%q is no weekday, no date and no time, or does not stand where it is one", words[at])
	}
	return nil
}

// zoneOf is the time zone at the end of a calendar event.
func zoneOf(s string) (zone string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", false
	}
	zone = s[i+1:]
	return zone, zone == "UTC" || strings.Contains(zone, "/") && !strings.Contains(zone, ":") && isZone(zone) && 'A' <= zone[0] && zone[0] <= 'Z'
}

// isWeekdays accepts lists of days and ranges of them: Mon..Fri,Sun.
func isWeekdays(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "..")
		a, b := weekday(first), weekday(last)
		if a < 0 || isRange && (b < 0 || b < a) {
			return false
		}
	}
	return true
}

func weekday(s string) int {
	for i, name := range weekdays {
		if strings.ToLower(s) == name {
			return i % 7
		}
	}
	return -1
}

func checkDate(s string) error {
	bad := fmt.Errorf("%q is no date; write YEAR-MONTH-DAY or MONTH-DAY, each a number, a list, a range 1..5, 1/2 for every second, or *", s)
	parts := strings.Split(s, "-")
	if head, day, ok := strings.Cut(s, "~"); ok { // counted from the month's end
		parts = append(strings.Split(head, "-"), day)
	}
	bounds := [][2]uint64{{1970, 2199}, {1, 12}, {1, 31}}
	if strings.Contains(s, "~") {
		bounds[2][1] = 30
	}
	if len(parts) < 2 || len(parts) > 3 {
		return bad
	}
	bounds = bounds[3-len(parts):]
	for i, p := range parts {
		if !isChain(p, bounds[i][0], bounds[i][1]) {
			return bad
		}
	}
	return nil
}

func checkTime(s string) error {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return fmt.Errorf("%q is no time; write HOUR:MINUTE or HOUR:MINUTE:SECOND", s)
	}
	for i, p := range parts {
		if !isChain(p, 0, [3]uint64{23, 59, 59}[i]) {
			return fmt.Errorf("%q is no time; write HOUR:MINUTE or HOUR:MINUTE:SECOND, each a number, a list, a range 1..5, 0/10 for every tenth, or *", s)
		}
	}
	return nil
}

// isChain accepts * and lists of numbers, ranges and repetitions.
func isChain(s string, low, high uint64) bool {
	if s == "*" {
		return true
	}
	for part := range strings.SplitSeq(s, ",") {
		span, step, repeats := strings.Cut(part, "/")
		first, last, isRange := strings.Cut(span, "..")
		a, ok := chainNumber(first)
		if !ok || a < low || a > high {
			return false
		}
		if isRange {
			b, ok := chainNumber(last)
			if !ok || b < a || b > high || b == a {
				return false
			}
		}
		if repeats {
			n, ok := chainNumber(step)
			if !ok || n == 0 || a+n > high {
				return false
			}
		}
	}
	return true
}

func chainNumber(s string) (uint64, bool) {
	if s == "" || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return n, err == nil
}
