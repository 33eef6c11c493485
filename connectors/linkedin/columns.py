"""What the columns of an export are called, in the languages that exports were seen or are likely in."""

from collections.abc import Mapping
from typing import Final

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    # connections
    "first": ("first name", "vorname", "prénom", "nombre", "nome", "voornaam", "imię", "förnamn", "fornavn"),
    "last": (
        "last name",
        "nachname",
        "nom",
        "apellidos",
        "sobrenome",
        "cognome",
        "achternaam",
        "nazwisko",
        "efternamn",
    ),
    "url": ("url", "profil-url", "profile url"),
    "email": (
        "email address",
        "e-mail-adresse",
        "adresse e-mail",
        "dirección de correo electrónico",
        "e-mail",
        "email",
    ),
    "company": ("company", "unternehmen", "entreprise", "empresa", "azienda", "bedrijf", "firma", "société"),
    "position": ("position", "poste", "cargo", "posizione", "functie", "stanowisko"),
    "connected": (
        *("connected on", "verbunden am", "connecté le", "conectado el", "conectado em", "collegato il"),
        *("verbonden op", "connecté(e) le", "connexion établie le", "fecha de conexión"),
    ),
    # messages
    "conversation": ("conversation id", "konversations-id", "id de conversation", "id de la conversación"),
    "conversation_title": ("conversation title", "titel der konversation", "titre de la conversation"),
    "from": ("from", "von", "de", "da", "van"),
    "from_url": ("sender profile url", "inviterprofileurl"),
    "to": ("to", "an", "à", "para", "a", "aan"),
    "to_url": ("recipient profile urls", "inviteeprofileurl"),
    "date": ("date", "datum", "fecha", "data"),
    "subject": ("subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp"),
    "content": ("content", "inhalt", "contenu", "contenido", "conteúdo", "contenuto", "inhoud"),
    "folder": ("folder", "ordner", "dossier", "carpeta", "pasta", "cartella", "map"),
    # shares, comments, invitations
    "link": ("sharelink", "link"),
    "commentary": ("sharecommentary",),
    "shared_url": ("sharedurl",),
    "visibility": ("visibility",),
    "message": ("message", "nachricht", "mensaje", "mensagem", "messaggio", "bericht"),
    "sent": ("sent at", "gesendet am", "envoyé le", "enviado el", "enviado em", "inviato il"),
    "direction": ("direction", "richtung", "dirección", "direção", "direzione"),
}
FIELDS: Final[Mapping[str, str]] = {name: key for key, names in _NAMES.items() for name in names}

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "connections": frozenset({"first", "last", "url", "connected"}),
    "invitations": frozenset({"from", "to", "sent", "direction"}),
    "messages": frozenset({"from", "to", "date", "content"}),
    "shares": frozenset({"date", "link", "commentary"}),
    "comments": frozenset({"date", "link", "message"}),
}
"""The columns that make a kind of table; they are looked for in this order."""
