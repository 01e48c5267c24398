from bridge.config.places import line_of, lines_of

TEXT = '''\
# comment = 1
top = 1
[kafka]
topics.odds = "x"   # dotted
  "shards" = 3
text = """
[not.a.table]
not_a_key = 1
"""
list = [
  "a = b",
]

[kafka.topics]
inline = {key = 1}

[[streams]] # first
name = "a"
[[streams]]
name = "b"
'''


def test_lines_of_tables_and_keys() -> None:
    assert lines_of(TEXT) == {
        ("top",): 2,
        ("kafka",): 3,
        ("kafka", "topics", "odds"): 4,
        ("kafka", "shards"): 5,
        ("kafka", "text"): 6,
        ("kafka", "list"): 10,
        ("kafka", "topics"): 14,
        ("kafka", "topics", "inline"): 15,
        ("streams", 0): 17,
        ("streams", 0, "name"): 18,
        ("streams", 1): 19,
        ("streams", 1, "name"): 20,
    }


def test_what_has_no_line_has_its_surroundings() -> None:
    found = lines_of(TEXT)
    assert line_of(("kafka", "topics", "inline", "key"), found) == 15
    assert line_of(("streams", 1, "sportsbook", 3), found) == 19
    assert line_of(("upstream", "x"), found) is None
