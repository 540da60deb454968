module org.fdorigin/gopher

go 1.19
