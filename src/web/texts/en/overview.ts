// Owns the English texts of the overview.

export const overview = {
  placeholder: '',
};
