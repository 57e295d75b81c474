"""Times as people read them."""


def show_time(seconds: float) -> str:
    """A time in its two largest units.

    >>> show_time(4.2), show_time(192), show_time(7_500), show_time(200_000)
    ('4 s', '3 min 12 s', '2 h 5 min', '2 d 7 h')
    """
    whole = round(seconds)
    units = (('d', 86_400), ('h', 3_600), ('min', 60), ('s', 1))
    for place, (unit, size) in enumerate(units):
        if whole >= size:
            text = f'{whole // size} {unit}'
            lesser = units[place + 1 : place + 2]
            rests = [f'{whole % size // part} {name}' for name, part in lesser if whole % size // part]
            return ' '.join([text, *rests])
    return '0 s'
