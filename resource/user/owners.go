package user

import "context"

// Owners implements [resource.OwnerLister] by the comments of the accounts.
func (h live) Owners(ctx context.Context) ([]string, error) {
	known, err := h.door.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var owners []string
	for _, a := range known.Users {
		if owner, _, ok := parseMark(a); ok {
			owners = append(owners, owner)
		}
	}
	return owners, nil
}
