"""What GetLocaleInfo answers, per locale: the regional settings of Windows 98 as its international documentation lists
them.

Interface: `find_locale`, `LOCALES`, `Locale.info`. Month and day names are kept as one string each. A locale that is
not here is not "installed", exactly as IsValidLocale(LCID_INSTALLED) reports.

Sources: SDK winnls.h (LCTYPE values and meanings), "Developing International Software" appendices (per-country
values), ISO 639/3166.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

LANG_NEUTRAL, LOCALE_USER_DEFAULT, LOCALE_SYSTEM_DEFAULT = 0x0000, 0x0400, 0x0800

_ENGLISH_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_ENGLISH_MONTHS = "January February March April May June July August September October November December"


@dataclass(frozen=True)
class Locale:
    """The regional settings of one language in one country."""

    lcid: int
    language: str
    """English, native and abbreviated name, separated by '|'."""
    country: str
    """English, native and abbreviated name and telephone code, separated by '|'."""
    iso: str
    """ISO 639 and ISO 3166, "en-US"."""
    pages: tuple[int, int, int]
    """ANSI, OEM and Macintosh code page."""
    decimal: str
    thousand: str
    list_separator: str
    currency: tuple[str, str, int, int]
    """Symbol, international symbol, positive mode (ICURRENCY), negative mode (INEGCURR)."""
    short_date: str
    long_date: str
    time: str
    date_separator: str = "/"
    time_separator: str = ":"
    am_pm: tuple[str, str] = ("", "")
    measure: int = 0
    """0 metric, 1 U.S."""
    first_day: int = 0
    """0 = Monday."""
    days: str = _ENGLISH_DAYS
    short_days: str = "Mon Tue Wed Thu Fri Sat Sun"
    months: str = _ENGLISH_MONTHS
    short_months: str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
    negative_number: int = 1
    leading_zero: int = 1
    first_week: int = 0
    """0 the week of January 1, 1 the first full week, 2 the first of four days."""
    paper: int = 9
    """DMPAPER_A4; 1 = letter."""

    @property
    def ansi_page(self) -> int:
        """LOCALE_IDEFAULTANSICODEPAGE."""
        return self.pages[0]

    def day(self, index: int, short: bool = False) -> str:
        """Name of a day, 0 = Monday."""
        return (self.short_days if short else self.days).split(" ")[index]

    def month(self, index: int, short: bool = False) -> str:
        """Name of a month, 0 = January."""
        return (self.short_months if short else self.months).split(" ")[index]

    def info(self, lctype: int) -> str | None:
        """The text of an LCTYPE (without its flags), or None where the SDK defines none."""
        return self._info.get(lctype)

    @cached_property
    def _info(self) -> dict[int, str]:
        english, native, short = self.language.split("|")
        c_english, c_native, c_short, c_code = self.country.split("|")
        iso_language, iso_country = self.iso.split("-")
        symbol, international, positive, negative = self.currency
        order = _date_order(self.short_date)
        long_order = _date_order(self.long_date)
        hours24 = int("H" in self.time)
        ansi, oem, mac = self.pages
        table: dict[int, str] = {
            0x01: f"{self.lcid:04x}", 0x02: f"{english} ({c_english})", 0x1001: english, 0x03: short, 0x04: native,
            0x05: c_code, 0x06: c_english, 0x1002: c_english, 0x07: c_short, 0x08: c_native,
            0x09: f"{self.lcid:04x}", 0x0A: c_code, 0x0B: str(oem), 0x1004: str(ansi), 0x1011: str(mac),
            0x1012: "037",
            0x0C: self.list_separator, 0x0D: str(self.measure), 0x0E: self.decimal, 0x0F: self.thousand, 0x10: "3;0",
            0x11: "2",
            0x12: str(self.leading_zero), 0x13: "0123456789", 0x1010: str(self.negative_number),
            0x14: symbol, 0x15: international, 0x16: self.decimal, 0x17: self.thousand, 0x18: "3;0", 0x19: "2",
            0x1A: "2",
            0x1B: str(positive), 0x1C: str(negative),
            0x1D: self.date_separator, 0x1E: self.time_separator, 0x1F: self.short_date, 0x20: self.long_date,
            0x1003: self.time,
            0x21: str(order), 0x22: str(long_order), 0x23: str(hours24), 0x1005: "0",
            0x24: str(int("yyyy" in self.short_date)),
            0x25: str(int("HH" in self.time or "hh" in self.time)), 0x26: str(int("dd" in self.short_date)),
            0x27: str(int("MM" in self.short_date)), 0x28: self.am_pm[0], 0x29: self.am_pm[1],
            0x1009: "1", 0x100B: "0", 0x100C: str(self.first_day), 0x100D: str(self.first_week),
            0x100A: str(self.paper),
            0x50: "", 0x51: "-", 0x52: "3" if negative == 0 else _sign_position(negative),
            0x53: _sign_position(negative),
            0x54: str(int(positive in (0, 2))), 0x55: str(int(positive in (2, 3))),
            0x56: str(int(negative in (0, 1, 2, 3, 9, 11, 12, 14))), 0x57: str(int(negative in (8, 9, 10, 11, 12, 13,
            14, 15))),
            0x59: iso_language, 0x5A: iso_country, 0x1013: "Default",
            0x1006: "MMMM, yyyy" if self.measure else "MMMM yyyy",
        }  # fmt: skip
        for index in range(7):
            table[0x2A + index] = self.day(index)
            table[0x31 + index] = self.day(index, True)
        for index in range(12):
            table[0x38 + index] = self.month(index)
            table[0x44 + index] = self.month(index, True)
        return table | {0x100E: "", 0x100F: ""}


def _date_order(picture: str) -> int:
    """0 month-day-year, 1 day-month-year, 2 year-month-day."""
    places = sorted("dMy", key=lambda c: picture.replace("dddd", "").find(c))
    return {"M": 0, "d": 1, "y": 2}[places[0]]


def _sign_position(negative: int) -> str:
    """LOCALE_INEGSIGNPOSN from LOCALE_INEGCURR (SDK's tables of both)."""
    return {
        0: "0", 4: "0", 14: "0", 15: "0", 1: "3", 5: "1", 8: "1", 2: "4", 12: "4", 9: "3",
        3: "2", 11: "2", 6: "3", 7: "4", 10: "4", 13: "3",
    }[negative]  # fmt: skip


_WEST, _GREAT_BRITAIN = (1252, 437, 10000), (1252, 850, 10000)

LOCALES: dict[int, Locale] = {
    locale.lcid: locale
    for locale in (
        Locale(0x0409, "English|English|ENU", "United States|United States|USA|1", "en-US", _WEST, ".", ",", ",",
               ("$", "USD", 0, 0), "M/d/yy", "dddd, MMMM dd, yyyy", "h:mm:ss tt", am_pm=("AM", "PM"), measure=1,
               first_day=6, paper=1),
        Locale(0x0809, "English|English|ENG", "United Kingdom|United Kingdom|GBR|44", "en-GB", _GREAT_BRITAIN, ".", ",",
        ",",
               ("£", "GBP", 0, 1), "dd/MM/yy", "dd MMMM yyyy", "HH:mm:ss", am_pm=("AM", "PM")),
        Locale(0x0C09, "English|English|ENA", "Australia|Australia|AUS|61", "en-AU", _GREAT_BRITAIN, ".", ",", ",",
               ("$", "AUD", 0, 1), "d/MM/yy", "dddd, d MMMM yyyy", "h:mm:ss tt", am_pm=("AM", "PM")),
        Locale(0x1009, "English|English|ENC", "Canada|Canada|CAN|2", "en-CA", _GREAT_BRITAIN, ".", ",", ",",
               ("$", "CAD", 0, 1), "dd/MM/yy", "MMMM d, yyyy", "h:mm:ss tt", am_pm=("AM", "PM"), first_day=6, paper=1),
        Locale(0x0407, "German|Deutsch|DEU", "Germany|Deutschland|DEU|49", "de-DE", _GREAT_BRITAIN, ",", ".", ";",
               ("DM", "DEM", 3, 8), "dd.MM.yy", "dddd, d. MMMM yyyy", "HH:mm:ss", ".", first_week=2,
               days="Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag", short_days="Mo Di Mi Do Fr Sa So",
               months="Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
               short_months="Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez"),
        Locale(0x040C, "French|français|FRA", "France|France|FRA|33", "fr-FR", _GREAT_BRITAIN, ",", "\u00a0", ";",
               ("F", "FRF", 3, 8), "dd/MM/yy", "dddd d MMMM yyyy", "HH:mm:ss", first_week=2,
               days="lundi mardi mercredi jeudi vendredi samedi dimanche",
               short_days="lun. mar. mer. jeu. ven. sam. dim.",
               months="janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
               short_months="janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        Locale(0x0410, "Italian|italiano|ITA", "Italy|Italia|ITA|39", "it-IT", _GREAT_BRITAIN, ",", ".", ";",
               ("L.", "ITL", 2, 9), "dd/MM/yy", "dddd d MMMM yyyy", "H.mm.ss", time_separator=".",
               days="lunedì martedì mercoledì giovedì venerdì sabato domenica",
               short_days="lun mar mer gio ven sab dom",
               months="gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
               short_months="gen feb mar apr mag giu lug ago set ott nov dic"),
        Locale(0x040A, "Spanish|español|ESP", "Spain|España|ESP|34", "es-ES", _GREAT_BRITAIN, ",", ".", ";",
               ("Pts", "ESP", 3, 8), "d/MM/yy", "dddd d' de 'MMMM' de 'yyyy", "H:mm:ss",
               days="lunes martes miércoles jueves viernes sábado domingo",
               short_days="lun mar mié jue vie sáb dom",
               months="enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
               short_months="ene feb mar abr may jun jul ago sep oct nov dic"),
        Locale(0x0416, "Portuguese|Português|PTB", "Brazil|Brasil|BRA|55", "pt-BR", _GREAT_BRITAIN, ",", ".", ";",
               ("R$ ", "BRL", 0, 1), "dd/MM/yy", "dddd, d' de 'MMMM' de 'yyyy", "HH:mm:ss", first_day=6,
               days="segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
               short_days="seg ter qua qui sex sáb dom",
               months="janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
               short_months="jan fev mar abr mai jun jul ago set out nov dez"),
        Locale(0x0413, "Dutch|Nederlands|NLD", "Netherlands|Nederland|NLD|31", "nl-NL", _GREAT_BRITAIN, ",", ".", ";",
               ("F", "NLG", 2, 11), "d-MM-yy", "dddd d MMMM yyyy", "H:mm:ss", "-", first_week=2,
               days="maandag dinsdag woensdag donderdag vrijdag zaterdag zondag", short_days="ma di wo do vr za zo",
               months="januari februari maart april mei juni juli augustus september oktober november december",
               short_months="jan feb mrt apr mei jun jul aug sep okt nov dec"),
        Locale(0x041D, "Swedish|svenska|SVE", "Sweden|Sverige|SWE|46", "sv-SE", _GREAT_BRITAIN, ",", " ", ";",
               ("kr", "SEK", 3, 8), "yy-MM-dd", "'den 'd MMMM yyyy", "HH:mm:ss", "-", first_week=2,
               days="måndag tisdag onsdag torsdag fredag lördag söndag",
               short_days="må ti on to fr lö sö",
               months="januari februari mars april maj juni juli augusti september oktober november december",
               short_months="jan feb mar apr maj jun jul aug sep okt nov dec"),
        Locale(0x0415, "Polish|polski|PLK", "Poland|Polska|POL|48", "pl-PL", (1250, 852, 10029), ",", "\u00a0", ";",
               ("zł", "PLZ", 3, 5), "yyyy-MM-dd", "d MMMM yyyy", "HH:mm:ss", "-",
               days="poniedziałek wtorek środa czwartek piątek sobota niedziela",
               short_days="Pn Wt Śr Cz Pt So N",
               months="styczeń luty marzec kwiecień maj czerwiec lipiec sierpień "
               "wrzesień październik listopad grudzień",
               short_months="sty lut mar kwi maj cze lip sie wrz paź lis gru"),
        Locale(0x0419, "Russian|русский|RUS",
        "Russia|Россия|RUS|7", "ru-RU",
               (1251, 866, 10007), ",", "\u00a0", ";", ("р.", "RUR", 1, 5), "dd.MM.yy", "d MMMM yyyy 'г.'",
               "H:mm:ss", ".",
               days="понедельник вторник "
               "среда четверг пятница "
               "суббота воскресенье",
               short_days="Пн Вт Ср Чт Пт Сб Вс",
               months="Январь Февраль Март "
               "Апрель Май Июнь Июль "
               "Август Сентябрь Октябрь "
               "Ноябрь Декабрь",
               short_months="янв фев мар апр май июн "
               "июл авг сен окт ноя дек"),
        Locale(0x0411, "Japanese|日本語|JPN", "Japan|日本|JPN|81", "ja-JP", (932, 932, 10001), ".",
        ",", ",",
               ("¥", "JPY", 0, 1), "yy/MM/dd", "yyyy'年'M'月'd'日'", "H:mm:ss",
               am_pm=("午前", "午後"), first_day=6,
               days=" ".join(c + "曜日" for c in "月火水木金土日"),
               short_days=" ".join("月火水木金土日"),
               months=" ".join(f"{n}月" for n in range(1, 13)), short_months=" ".join(str(n) for n in range(1,
               13))),
    )
}  # fmt: skip


def resolve_lcid(lcid: int, user: int) -> int:
    """ConvertDefaultLocale: the pseudo locales (0, 400h, 800h) become ``user``, a bare language its default country."""
    lcid &= 0xFFFF_FFFF
    language = lcid & 0xFFFF
    if language in (LANG_NEUTRAL, LOCALE_USER_DEFAULT, LOCALE_SYSTEM_DEFAULT):
        return user
    if 0 < language < 0x400:
        return lcid | 0x400  # SUBLANG_NEUTRAL means the language's first country
    return lcid


def find_locale(lcid: int, user: int) -> Locale | None:
    """The installed locale for ``lcid``, whose sort id is ignored; ``user`` answers for the pseudo locales."""
    return LOCALES.get(resolve_lcid(lcid, user) & 0xFFFF)


Formatter = Callable[[int], str]


def quoted_picture(picture: str, fields: dict[str, Formatter]) -> str:
    """Expand a date or time picture: runs of a letter in ``fields`` call it with the run's length; 'text' is literal.

    Two quotes inside quotes are one quote; an unclosed quote runs to the end (SDK: GetDateFormat remarks).
    """
    out: list[str] = []
    at, end = 0, len(picture)
    while at < end:
        char = picture[at]
        if char == "'":
            at += 1
            while at < end:
                if picture[at] == "'":
                    if picture[at : at + 2] == "''":
                        at += 1
                    else:
                        break
                out.append(picture[at])
                at += 1
            at += 1
            continue
        field = fields.get(char)
        if field is None:
            out.append(char)
            at += 1
            continue
        run = at
        while run < end and picture[run] == char:
            run += 1
        out.append(field(run - at))
        at = run
    return "".join(out)


def group_digits(digits: str, grouping: str, separator: str) -> str:
    """Insert ``separator`` into a digit string: "3;0" repeats threes, "3;2;0" is India's, "3" groups only once."""
    sizes = [int(s) for s in grouping.split(";") if s.isdigit()]
    repeat = len(sizes) > 1 and sizes[-1] == 0
    if repeat:
        sizes.pop()
    parts: list[str] = []
    index = 0
    while digits:
        if index < len(sizes):
            size = sizes[index]
            index += 1
        elif repeat and sizes:
            size = sizes[-1]
        else:
            size = 0
        if size <= 0 or len(digits) <= size:
            break
        parts.insert(0, digits[-size:])
        digits = digits[:-size]
    return separator.join([digits, *parts])
