package view

import "context"

func openMongo(ctx context.Context, c Config) (backend, error) { return nil, ErrUnavailable }
