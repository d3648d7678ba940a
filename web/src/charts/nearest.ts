/** Find the sample closest in time; samples are sorted, oldest first. */
export function nearest<T extends { readonly at: number }>(samples: readonly T[], at: number): T | undefined {
  let low = 0;
  let high = samples.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.at ?? Infinity) < at) low = middle + 1;
    else high = middle;
  }
  const after = samples[low];
  const before = samples[low - 1];
  if (!after || !before) return after ?? before;
  return at - before.at < after.at - at ? before : after;
}
