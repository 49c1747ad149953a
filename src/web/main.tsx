// Owns the start of the dashboard in the browser.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { startTheme } from './frame/theme.ts';
import { t } from './texts/texts.ts';
import './styles/all.css';

startTheme();
document.documentElement.lang = t.locale.split('-')[0] ?? 'en';
const root = document.getElementById('root');
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
