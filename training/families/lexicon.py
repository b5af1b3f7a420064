"""The small English, French and German lexicon of the translation tasks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A noun with its genders."""

    english: str
    french: str
    french_gender: str
    german: str
    german_gender: str


@dataclass(frozen=True)
class Adjective:
    """An adjective; French has one form for each gender."""

    english: str
    french: tuple[str, str]
    german: str


@dataclass(frozen=True)
class Verb:
    """A verb in the present tense; the French and German forms are those of I, you, he, we, they."""

    english: tuple[str, str]
    french: tuple[str, ...]
    german: tuple[str, ...]


NOUNS = tuple(Noun(*line.split()) for line in """
dog chien m Hund m|cat chat m Katze f|house maison f Haus n|book livre m Buch n|car voiture f Auto n|table table f Tisch m
garden jardin m Garten m|flower fleur f Blume f|child enfant m Kind n|friend ami m Freund m|door porte f Tür f
window fenêtre f Fenster n|chair chaise f Stuhl m|apple pomme f Apfel m|letter lettre f Brief m|lamp lampe f Lampe f
school école f Schule f|boat bateau m Boot n|horse cheval m Pferd n|bird oiseau m Vogel m|tree arbre m Baum m
coat manteau m Mantel m|key clé f Schlüssel m|cake gâteau m Kuchen m|street rue f Straße f
""".strip().replace("\n", "|").split("|"))  # fmt: skip

ADJECTIVES = tuple(Adjective(english, (masculine, feminine), german) for english, masculine, feminine, german in (
    line.split() for line in """
big grand grande groß|small petit petite klein|red rouge rouge rot|green vert verte grün|black noir noire schwarz
old vieux vieille alt|new nouveau nouvelle neu|beautiful beau belle schön|tired fatigué fatiguée müde|good bon bonne gut
cold froid froide kalt|clean propre propre sauber
""".strip().replace("\n", "|").split("|")))  # fmt: skip

SUBJECTS = (("I", "Je", "Ich", 0), ("You", "Tu", "Du", 1), ("He", "Il", "Er", 2), ("She", "Elle", "Sie", 2),
            ("We", "Nous", "Wir", 3), ("They", "Ils", "Sie", 4))  # fmt: skip

VERBS = tuple(Verb(english, tuple(french.split()), tuple(german.split())) for english, french, german in (
    (("see", "sees"), "vois vois voit voyons voient", "sehe siehst sieht sehen sehen"),
    (("buy", "buys"), "achète achètes achète achetons achètent", "kaufe kaufst kauft kaufen kaufen"),
    (("have", "has"), "ai as a avons ont", "habe hast hat haben haben"),
    (("like", "likes"), "aime aimes aime aimons aiment", "mag magst mag mögen mögen"),
    (("look for", "looks for"), "cherche cherches cherche cherchons cherchent", "suche suchst sucht suchen suchen"),
    (("find", "finds"), "trouve trouves trouve trouvons trouvent", "finde findest findet finden finden"),
    (("draw", "draws"), "dessine dessines dessine dessinons dessinent", "zeichne zeichnest zeichnet zeichnen zeichnen"),
    (("sell", "sells"), "vends vends vend vendons vendent", "verkaufe verkaufst verkauft verkaufen verkaufen"),
))  # fmt: skip

PHRASES = tuple(
    tuple(line.split("|"))
    for line in """
Good morning.|Bonjour.|Guten Morgen.
Good evening.|Bonsoir.|Guten Abend.
Good night.|Bonne nuit.|Gute Nacht.
Thank you.|Merci.|Danke.
Thank you very much.|Merci beaucoup.|Vielen Dank.
Goodbye.|Au revoir.|Auf Wiedersehen.
Please.|S'il vous plaît.|Bitte.
How are you?|Comment allez-vous ?|Wie geht es Ihnen?
I am fine.|Je vais bien.|Mir geht es gut.
What is your name?|Comment vous appelez-vous ?|Wie heißen Sie?
Where is the station?|Où est la gare ?|Wo ist der Bahnhof?
Where is the hotel?|Où est l'hôtel ?|Wo ist das Hotel?
I am hungry.|J'ai faim.|Ich habe Hunger.
I am thirsty.|J'ai soif.|Ich habe Durst.
I love you.|Je t'aime.|Ich liebe dich.
How much does it cost?|Combien ça coûte ?|Wie viel kostet das?
I do not understand.|Je ne comprends pas.|Ich verstehe nicht.
See you tomorrow.|À demain.|Bis morgen.
Happy birthday!|Joyeux anniversaire !|Alles Gute zum Geburtstag!
Yes.|Oui.|Ja.
No.|Non.|Nein.
Hello.|Bonjour.|Hallo.
I am sorry.|Je suis désolé.|Es tut mir leid.
The weather is nice.|Il fait beau.|Das Wetter ist schön.
""".strip().splitlines()
)
