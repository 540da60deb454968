// Light, dark, or what the system says. The choice is kept where the browser lets a page keep it.
import { byId } from './text';

const KEY = 'fdorigin-theme';
const THEMES = ['system', 'light', 'dark'];

function stored(): string {
  try {
    const theme = localStorage.getItem(KEY) ?? '';
    return THEMES.includes(theme) ? theme : 'system';
  } catch {
    return 'system';
  }
}

export function startTheme(): void {
  const list = byId('theme') as HTMLSelectElement;
  const apply = (theme: string): void => {
    document.documentElement.dataset.theme = theme;
    list.value = theme;
  };
  apply(stored());
  list.addEventListener('change', () => {
    apply(list.value);
    try {
      localStorage.setItem(KEY, list.value);
    } catch {
      // Then it is kept for as long as the page is open.
    }
  });
}
