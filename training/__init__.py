"""Makes the embedded demo pair from nothing: its conversations, its tokenizer, its two models, its measured card."""
