/** Words of a private dialect, and words that hide the subject of a sentence. Name the thing instead. */
const BANNED =
  /\b(whoever|somebody|anybody|nobody|everybody|in earnest|doors?|desks?|pens?|shops?|knocks?|workings|tally|tallies|grounds|letting|believing)\b/g

/** Each banned word of a text. Identifiers are split: `openTheDoor`, `open_door` and `OPEN_DOOR` have one each. */
export const findBannedWords = (text: string): readonly string[] =>
  [
    ...text
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replaceAll('_', ' ')
      .toLowerCase()
      .matchAll(BANNED),
  ].map(([word]) => word)
