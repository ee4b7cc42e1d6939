/** Texts of others go to a terminal, which would obey what is in them: controls and turns of direction become `?`. */
export const printable = (text: string): string =>
  text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?')
