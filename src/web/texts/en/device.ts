// Owns the English texts of the page of one device.

export const device = {
  placeholder: '',
};
