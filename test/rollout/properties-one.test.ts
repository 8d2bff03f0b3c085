import { propertyTests } from './property.ts';

propertyTests(0, 4);
