"""What travels between processes and to devices: message structs, column layouts, subjects, seals."""
