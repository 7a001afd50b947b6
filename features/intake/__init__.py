"""From exports of other systems to the tables of the contract: a mapping file says how, one engine does it."""
