package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"hostctl/resource"
)

// A plan says nothing of what could not be read, and says so; it claims no more than it knows.
func TestUnread(t *testing.T) {
	want := resource.State{app("web"): spec(), box("data"): spec(func(t *thing) { t.Memory = 1 })}
	live := resource.State{box("data"): spec(func(t *thing) { t.Memory = 1 })}
	opt := Options{Owner: "shop", Unread: &Unread{UID: 1000, Ledger: true, Resources: []UnreadResource{
		{Addr: app("web")}, {Addr: box("data"), Paths: []string{"off"}}}}}
	p := Make(want, nil, live, opt)
	if !p.Empty() || len(p.Record) > 0 || len(p.Want) != 1 {
		t.Errorf("%d steps, records %v, wants %v", len(p.Steps), p.Record, p.Want.Addrs())
	}
	if len(want) != 2 {
		t.Error("Make modified what is wanted")
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	text := decoded.Text(TextOptions{})
	if text != p.Text(TextOptions{}) {
		t.Error("the JSON alone prints otherwise")
	}
	for _, part := range []string{"No changes in what could be read.", "because uid 1000 may not read it:\n  app.web\n  box.data: off\n  the ledger"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
	if strings.Contains(text, "The host is as the configuration says") {
		t.Errorf("it claims what it does not know:\n%s", text)
	}
	delete(live, box("data"))
	p = Make(want, nil, live, opt)
	if len(p.Resources) != 1 || p.Resources[0].Addr != box("data") || !strings.Contains(p.Text(TextOptions{}), "Not compared") {
		t.Errorf("%+v", p.Resources)
	}
}
