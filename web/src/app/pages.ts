/** Each page is fetched by itself, so that the first one is quick; the others follow while the reader reads. */
export const signInPage = () => import("@/features/signin/SignInPage");
export const overviewPage = () => import("@/features/overview/OverviewPage");
export const spotPage = () => import("@/features/spot/SpotPage");

/** Fetch the pages that are not open yet, so that a lost connection does not keep anyone from turning to them. */
export async function fetchPages(): Promise<void> {
  await Promise.allSettled([overviewPage(), spotPage()]);
}
