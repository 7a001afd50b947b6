"""The matrix of a book, part by part, in bounded memory."""
